"""The dual encoder: two towers, a linear projection on each, one shared space in which the cosine is the score."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from harness.audio import Array, Pcm
from harness.machine import stage
from systems.audio import Window, average_each, cut, plan
from systems.dual_encoder.card import DualEncoderCard
from systems.text import build, build_empty, embed


class DualEncoder(nn.Module):
    """An audio encoder and RoBERTa, each projected into the shared space. Vectors are not normalised: the score does.

    State-dict names: `audio.*` and `text.*`, each the published encoder's own, `audio_projection.*`,
    `text_projection.*`. The front end has no weights.
    """

    def __init__(self, card: DualEncoderCard) -> None:
        """Build it with random weights, on the device in force; see `seeded` and `empty`."""
        super().__init__()
        self.windows = card.windows
        with torch.device("cpu"):
            self.front_end = card.audio.front_end()
        self.audio = card.audio.build()
        self.text = build_empty(card.text) if torch.get_default_device().type == "meta" else build(card.text)
        self.audio_projection = nn.Linear(self.audio.width, card.shared)
        self.text_projection = nn.Linear(card.text.width, card.shared)

    @classmethod
    def seeded(cls, card: DualEncoderCard, seed: int) -> Self:
        """With random weights that a seed decides."""
        with torch.random.fork_rng(devices=()), torch.device("cpu"):
            # `torch.manual_seed` would seed the accelerators too, which are not forked.
            torch.default_generator.manual_seed(seed)
            return cls(card)

    @classmethod
    def empty(cls, card: DualEncoderCard) -> Self:
        """With shapes only, taking no memory; for counting, and for weights that are taken over from a file."""
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
        """Project clips into the shared space.

        Args:
            clips: mono waveforms at 32 kHz of any lengths, each `(samples,)`, all float32, or all int16.
            at_once: how many windows go through the encoder together; `None` is all of them.
            generator: draws the augmentation, in training mode only.

        Returns:
            `(clips, shared)`.
        """

        def describe(windows: Sequence[Window]) -> Tensor:
            with stage("transfer"):
                waveforms = _sent(cut(clips, windows), self.device)
            with stage("mel"):
                images = self.front_end(waveforms, generator)
            with stage("encode"):
                steps: Tensor = self.audio(images, generator)
            return steps

        if not clips:
            return torch.zeros(0, self.audio_projection.out_features, device=self.device)
        windows = plan([len(clip) for clip in clips], self.windows)
        features = average_each(describe, windows, at_once, self.windows.averaging)
        with stage("project"):
            projected: Tensor = self.audio_projection(features)
        return projected

    def embed_captions(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Project captions, given as token ids, into the shared space; `(captions, shared)`."""
        features = embed(self.text, ids)
        with stage("project"):
            projected: Tensor = self.text_projection(features)
        return projected


def _sent(samples: Tensor, device: torch.device) -> Tensor:
    """Samples on a device, float32 in [-1, 1]: of int16 half as much is sent, and it becomes float32 there."""
    # From pinned memory a GPU fetches by itself, while this thread goes on.
    ready = samples.pin_memory() if device.type == "cuda" else samples
    sent = ready.to(device, non_blocking=True)
    return sent * (1 / 32768) if sent.dtype == torch.int16 else sent
