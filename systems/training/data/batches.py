"""The batches of an epoch, as a seed draws them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from harness.audio import Array
from systems.dual_encoder import TrainingConfig
from systems.training.data.images import Images
from systems.training.data.training_set import Draw, TrainingSet, crop_start, draws, share_of

_OF_CAPTIONS = 1
"""Sets the draws of captions apart from those of clips."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The input of a step.

    Attributes:
        draw: its clips and captions, of the whole step or of this process's part.
        waveforms: of the clips, each float32 `(samples,)`. They are tensors, because these pass from loader processes
            without a copy. None where images are kept.
        ids: tokens of the captions.
        images: of the clips, where they are kept.
        lengths: of the clips that the images are of, in samples.
    """

    draw: Draw
    waveforms: list[Tensor]
    ids: list[list[int]]
    images: list[Tensor] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def some(self, clips: slice) -> "Batch":
        """A part of the clips, without captions."""
        draw = Draw(self.draw.clips[clips], self.draw.captions[:0], self.draw.first + clips.start)
        return Batch(draw, self.waveforms[clips], [], self.images[clips], self.lengths[clips])


class Batches(Dataset[Batch]):
    """The batches of an epoch, or the parts of them that one of several processes computes."""

    def __init__(
        self,
        data: TrainingSet,
        ids: Sequence[list[int]],
        config: TrainingConfig,
        longest: int | None,
        epoch: int,
        rank: int = 0,
        ranks: int = 1,
        images: Images | None = None,
        extra: Sequence[Sequence[list[int]]] = (),
    ) -> None:
        """See `TrainingConfig`.

        `ids` are the tokens of every caption, `extra` those of the texts that may stand for each, if there are any, and
        `longest` the samples of a clip that are used at most.
        """
        self._data, self._ids, self._longest = data, ids, longest
        self._extra, self._replaced = extra, config.replaced
        self._seed, self._images = (config.seed, epoch), images
        steps = draws(data.owners, config.batch, config.captions, config.seed, epoch)
        self._draws = [share_of(draw, data.owners, rank, ranks) for draw in steps]

    def __len__(self) -> int:
        return len(self._draws)

    def __getitem__(self, step: int) -> Batch:
        draw = self._draws[step]
        ids = [self._said(step, caption) for caption in draw.captions.tolist()]
        if self._images is not None:
            images, lengths = zip(*map(self._images, draw.clips.tolist()), strict=True)
            return Batch(draw, [], ids, list(images), list(lengths))
        places = enumerate(draw.clips.tolist(), draw.first)
        waveforms = [torch.from_numpy(self._cropped(clip, (*self._seed, step, place))) for place, clip in places]
        return Batch(draw, waveforms, ids)

    def _said(self, step: int, caption: int) -> list[int]:
        """The tokens of a caption, or of a text that stands for it in this step."""
        if not self._extra or not self._extra[caption]:
            return self._ids[caption]
        # Of the caption and not of its place in the step, so that processes which share a step draw the same.
        random = np.random.default_rng((*self._seed, step, caption, _OF_CAPTIONS))
        texts = self._extra[caption]
        return texts[int(random.integers(len(texts)))] if random.random() < self._replaced else self._ids[caption]

    def _cropped(self, clip: int, seed: tuple[int, ...]) -> Array:
        start = crop_start(self._data.length(clip), self._longest, seed)
        return self._data.read(clip, start, self._longest)
