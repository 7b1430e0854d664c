"""The dual encoder: two towers, each with a linear projection into one space, in which the cosine is the score."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from harness.audio import Array, Pcm
from harness.machine import stage
from systems.audio import Window, average, average_each, cut, plan
from systems.dual_encoder.card import DualEncoderCard
from systems.text import build, build_empty, embed


class DualEncoder(nn.Module):
    """An audio encoder and RoBERTa, each projected into the shared space; the vectors are not normalised.

    Names in the state dict are `audio.*` and `text.*`, followed by the published names of the encoder, and
    `audio_projection.*` and `text_projection.*`. The front end has no weights.
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
        self.audio_projection = nn.Linear(self.audio.width, card.shared)
        self.text_projection = nn.Linear(card.text.width, card.shared)

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
    ) -> Tensor:
        """Project clips into the shared space; `(clips, shared)`. For the arguments see `describe_clips`."""
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
        """The features of clips, as they come out of the audio encoder.

        Args:
            clips: mono waveforms at 32 kHz of any lengths, each `(samples,)`, all float32, or all int16.
            at_once: how many windows go through the encoder together; `None` is all of them.
            generator: on the CPU; in training mode, augmentation is drawn from it. `None` is torch's global one.

        Returns:
            `(clips, width)`.
        """

        def describe(windows: Sequence[Window]) -> Tensor:
            with stage("transfer"):
                waveforms = _on_device(cut(clips, windows), self.device)
            with stage("mel"):
                images = self.front_end(waveforms, generator)
            with stage("encode"):
                steps: Tensor = self.audio(images, generator)
            return steps

        if not clips:
            return torch.zeros(0, self.audio.width, device=self.device)
        windows = plan([len(clip) for clip in clips], self.windows)
        return average_each(describe, windows, at_once, self.windows.averaging)

    def images(self, clip: Array) -> Tensor:
        """The images of a clip's windows, float16 `(windows, bands, frames)`, to be kept for `describe_images`."""
        with torch.no_grad():
            waveforms = _on_device(cut([clip], plan([len(clip)], self.windows)), self.device)
            images: Tensor = self.front_end(waveforms)
        return images.half()

    def describe_images(
        self, images: Sequence[Tensor], lengths: Sequence[int], generator: torch.Generator | None = None
    ) -> Tensor:
        """The features of clips, `(clips, width)`, from what `images` returned; windows must be of one length.

        Args:
            images: of each clip.
            lengths: of the clips, in samples.
            generator: as in `describe_clips`.
        """
        steps = self.audio(torch.cat(list(images)).to(self.device).float(), generator)
        return average(steps, plan(lengths, self.windows), self.windows.averaging)

    def embed_captions(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Project captions, each given as its token ids, into the shared space; `(captions, shared)`."""
        features = self.describe_captions(ids)
        with stage("project"):
            projected: Tensor = self.text_projection(features)
        return projected

    def describe_captions(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """The features of captions, as they come out of RoBERTa; `(captions, width)`."""
        return embed(self.text, ids, pooling=self.pooling)


def _on_device(samples: Tensor, device: torch.device) -> Tensor:
    """Samples on a device, as float32 in [-1, 1]; int16 samples, half as many bytes, are converted there."""
    # A GPU copies pinned memory by itself, while this thread goes on.
    pinned = samples.pin_memory() if device.type == "cuda" else samples
    moved = pinned.to(device, non_blocking=True)
    return moved * (1 / 32768) if moved.dtype == torch.int16 else moved
