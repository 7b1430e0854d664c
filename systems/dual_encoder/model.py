"""The dual encoder: two towers, each with a linear projection into one space, in which the cosine is the score."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from harness.audio import Array, Pcm
from harness.machine import stage
from systems.audio import Window, average, average_each, cut, plan, steps_each
from systems.dual_encoder.card import DualEncoderCard
from systems.dual_encoder.metadata import MidFusion, build_fusion, dropped, embed_tokens
from systems.dual_encoder.transfer import on_device
from systems.text import build, build_empty, embed, encode

_ON_CPU, _ON_GPU = 64, 256
"""Captions that are computed together; a GPU would do fewer in less time than it takes to ask for them."""


class DualEncoder(nn.Module):
    """An audio encoder and RoBERTa, each projected into the shared space; the vectors are not normalised.

    Names in the state dict are `audio.*` and `text.*`, followed by the published names of the encoder, and
    `audio_projection.*` and `text_projection.*`. The front end has no weights. A hybrid system, which uses keywords
    beside the sound, has `fusion.*` as well.
    """

    def __init__(self, card: DualEncoderCard) -> None:
        """Build it with random weights, on torch's default device; see `seeded` and `empty`."""
        super().__init__()
        self.windows = card.windows
        self.pooling = card.text.pooling
        with torch.device("cpu"):
            self.front_end = card.audio.front_end()
        self.audio = card.audio.build()
        self.text = build_empty(card.text) if torch.get_default_device().type == "meta" else build(card.text)
        self.metadata = card.metadata
        mid = self.metadata is not None and self.metadata.fusion == "mid"
        self.audio_projection = nn.Linear(card.text.width if mid else self.audio.width, card.shared)
        self.text_projection = nn.Linear(card.text.width, card.shared)
        if self.metadata is not None:
            self.fusion = build_fusion(self.metadata, self.audio.width, card.text.width, card.shared)

    @classmethod
    def seeded(cls, card: DualEncoderCard, seed: int) -> Self:
        """Build it with random weights that depend on the seed alone."""
        with torch.random.fork_rng(devices=()), torch.device("cpu"):
            # `torch.manual_seed` would also seed the accelerators, whose state is not restored here.
            torch.default_generator.manual_seed(seed)
            return cls(card)

    @classmethod
    def empty(cls, card: DualEncoderCard) -> Self:
        """Build it on the meta device, without memory for weights: to count them, or to load them from a file."""
        with torch.device("meta"):
            return cls(card)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def embed_clips(
        self,
        clips: Sequence[Array] | Sequence[Pcm],
        at_once: int | None = None,
        generator: torch.Generator | None = None,
        keywords: Sequence[list[int]] | None = None,
    ) -> Tensor:
        """Project clips into the shared space.

        Args:
            clips: mono waveforms at 32 kHz of any lengths, each `(samples,)`, all float32, or all int16.
            at_once: how many windows go through the encoder together; `None` is all of them.
            generator: on the CPU; in training mode, augmentation is drawn from it, and which clips lose their
                keywords. `None` is torch's global one.
            keywords: token ids of each clip's keywords, empty for a clip without; `None` is none at all.

        Returns:
            `(clips, shared)`.
        """
        if self.metadata is not None and clips:
            describe = partial(self._steps, clips, generator)
            windows = plan([len(clip) for clip in clips], self.windows)
            return self._fused(describe, windows, at_once, keywords or [[]] * len(clips), generator)
        features = self.describe_clips(clips, at_once, generator)
        with stage("project"):
            projected: Tensor = self.audio_projection(features)
        return projected

    def describe_clips(
        self,
        clips: Sequence[Array] | Sequence[Pcm],
        at_once: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The features of clips as they come out of the audio encoder, `(clips, width)`; see `embed_clips`."""
        if not clips:
            return torch.zeros(0, self.audio.width, device=self.device)
        windows = plan([len(clip) for clip in clips], self.windows)
        return average_each(partial(self._steps, clips, generator), windows, at_once, self.windows.averaging)

    def _steps(
        self,
        clips: Sequence[Array] | Sequence[Pcm],
        generator: torch.Generator | None,
        windows: Sequence[Window],
    ) -> Tensor:
        """The features of windows of one length, `(windows, steps, width)`."""
        with stage("transfer"):
            waveforms = on_device(cut(clips, windows, pinned=self.device.type == "cuda"), self.device)
        with stage("mel"):
            images = self.front_end(waveforms, generator)
        with stage("encode"):
            steps: Tensor = self.audio(images, generator)
        return steps

    def images(self, clip: Array) -> Tensor:
        """The images of a clip's windows, float16 `(windows, bands, frames)`, to be kept for `describe_images`."""
        with torch.no_grad():
            waveforms = on_device(cut([clip], plan([len(clip)], self.windows)), self.device)
            images: Tensor = self.front_end(waveforms)
        return images.half()

    def describe_images(
        self, images: Sequence[Tensor], lengths: Sequence[int], generator: torch.Generator | None = None
    ) -> Tensor:
        """The features of clips, `(clips, width)`, from what `images` returned; windows must be of one length.

        Args:
            images: of each clip.
            lengths: of the clips, in samples.
            generator: as in `embed_clips`.
        """
        steps = self.audio(torch.cat(list(images)).to(self.device).float(), generator)
        return average(steps, plan(lengths, self.windows), self.windows.averaging)

    def _fused(
        self,
        describe: Callable[[Sequence[Window]], Tensor],
        windows: Sequence[Window],
        at_once: int | None,
        keywords: Sequence[list[int]],
        generator: torch.Generator | None,
    ) -> Tensor:
        """Clips and their keywords in the shared space; see `systems.dual_encoder.metadata`."""
        assert self.metadata is not None
        if self.training:
            keywords = dropped(keywords, self.metadata.dropout, generator)
        deaf = self.metadata.ablated == "audio"
        described = [clip for clip, ids in enumerate(keywords) if ids and self.metadata.ablated != "metadata"]
        ids = [keywords[clip] for clip in described]
        averaging = self.windows.averaging
        if isinstance(self.fusion, MidFusion):
            nothing = torch.zeros(0, self.audio.width, device=self.device)
            steps = [nothing] * len(keywords) if deaf else steps_each(describe, windows, at_once, averaging)
            tokens = dict(zip(described, embed_tokens(self.text, ids), strict=True))
            no_words = torch.zeros(0, self.text.config.hidden_size, device=self.device)
            features = self.fusion(steps, [tokens.get(clip, no_words) for clip in range(len(keywords))])
            with stage("project"):
                projected: Tensor = self.audio_projection(features)
            return projected
        heard = None if deaf else self.audio_projection(average_each(describe, windows, at_once, averaging))
        fused: Tensor = self.fusion(heard, self.describe_captions(ids), described, len(keywords))
        return fused

    def embed_captions(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Project captions, each given as its token ids, into the shared space; `(captions, shared)`."""
        features = self.describe_captions(ids)
        with stage("project"):
            projected: Tensor = self.text_projection(features)
        return projected

    def embed_equally_long(self, tokens: Tensor) -> Tensor:
        """Project captions of equally many tokens, whose ids `(captions, tokens)` are on the device already."""
        embedded: Tensor = self.text_projection(encode(self.text, tokens, None, self.pooling))
        return embedded

    def describe_captions(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """The features of captions, as they come out of RoBERTa; `(captions, width)`."""
        most = _ON_CPU if self.device.type == "cpu" else _ON_GPU
        return embed(self.text, ids, most, self.pooling)
