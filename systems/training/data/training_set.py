"""What is learned from: clips and captions of one or more data sets, drawn in batches that a seed decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array, Clip, PcmStore
from harness.datasets import RetrievalDataset, load, splits_for
from harness.errors import UserError
from harness.evaluation import broken_clips
from harness.machine import Progress, embedding_key

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Splits of data sets, their clips and captions numbered through.

    Attributes:
        datasets: the splits.
        stores: hold their clips, decoded at one rate.
    """

    datasets: tuple[RetrievalDataset, ...]
    stores: tuple[PcmStore, ...]

    @cached_property
    def clips(self) -> tuple[tuple[PcmStore, Clip], ...]:
        """All clips, each with the store that holds it."""
        pairs = zip(self.stores, self.datasets, strict=True)
        return tuple((store, clip) for store, dataset in pairs for clip in dataset.clips)

    @cached_property
    def captions(self) -> tuple[str, ...]:
        """All captions, verbatim."""
        return tuple(query.text for dataset in self.datasets for query in dataset.queries)

    @cached_property
    def owners(self) -> Indices:
        """The clip each caption was written for, shape `(captions,)`."""
        firsts = np.cumsum([0, *(len(dataset.clips) for dataset in self.datasets)])
        return np.array(
            [
                first + query.clip
                for first, dataset in zip(firsts, self.datasets, strict=False)
                for query in dataset.queries
            ]
        )

    @cached_property
    def audio_digest(self) -> str:
        """What tells the samples of these clips from all others."""
        pairs = zip(self.stores, self.datasets, strict=True)
        return embedding_key(*(store.digest(dataset.clips) for store, dataset in pairs))

    @cached_property
    def captions_digest(self) -> str:
        """What tells these clips' names and captions from all others."""
        return embedding_key(*(dataset.digest for dataset in self.datasets))

    def read(self, clip: int, start: int = 0, most: int | None = None) -> Array:
        """Samples of a clip, float32; see `PcmStore.read`."""
        store, of = self.clips[clip]
        return store.read(of, start, most)

    def length(self, clip: int) -> int:
        """Samples of a clip."""
        store, of = self.clips[clip]
        return store.length(of)


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Which clips and captions a step is made of; a clip drawn twice stands there twice.

    Attributes:
        clips: indices, shape `(n,)`.
        captions: indices, shape `(m,)`.
        first: of a part of a step, at which of the step's clips it begins.
    """

    clips: Indices
    captions: Indices
    first: int = 0


def decoded(dataset: RetrievalDataset, store: PcmStore, progress: Progress) -> RetrievalDataset:
    """A data set all of whose clips the store holds.

    Raises:
        UserError: clips are broken or missing; all of them are listed.
    """
    if broken := store.ensure(dataset.clips, progress=progress):
        raise broken_clips(broken, len(dataset.clips), f"mend them before training on {dataset.name} {dataset.split}")
    return dataset


def load_split(
    name: str, purpose: Literal["training", "validation"], data_root: Path, progress: Progress
) -> RetrievalDataset:
    """The split of a data set that is trained on, or by which a checkpoint is chosen.

    Raises:
        UserError: the data set is unknown, has no such split, or is not there.
    """
    splits = splits_for(purpose)
    if name not in splits:
        raise UserError(f"{name!r} has no split for {purpose}; expected one of {', '.join(splits)}")
    return load(name, splits[name], data_root, progress=progress)


def draws(owners: Indices, batch: int, captions: Literal["one", "all"], seed: int, epoch: int) -> list[Draw]:
    """The steps of an epoch: everything once, in an order that seed and epoch decide; what fills no batch is left out.

    Args:
        owners: the clip each caption was written for.
        batch: pairs, or clips, in a step.
        captions: whether a step is made of pairs (`one`) or of clips with `all` their captions.
        seed: of the order.
        epoch: counted from 0.

    Raises:
        UserError: there is not enough for one batch.
    """
    random = np.random.default_rng((seed, epoch))
    units = len(owners) if captions == "one" else int(owners.max()) + 1
    if units < batch:
        what = "pairs" if captions == "one" else "clips"
        raise UserError(f"the training data have {units} {what}, fewer than a batch of {batch}; lower `batch:`")
    order = random.permutation(units)
    steps = [order[start : start + batch] for start in range(0, units - batch + 1, batch)]
    if captions == "one":
        return [Draw(owners[pairs], pairs) for pairs in steps]
    by_clip = np.split(np.argsort(owners, kind="stable"), np.cumsum(np.bincount(owners))[:-1])
    return [Draw(clips, np.concatenate([by_clip[clip] for clip in clips])) for clips in steps]


def share_of(draw: Draw, owners: Indices, rank: int, ranks: int) -> Draw:
    """The part of a step that one of several processes computes; their parts in turn are the step.

    Clips are divided evenly, and a caption goes with its clip.

    Raises:
        UserError: there are fewer clips than processes.
    """
    if len(draw.clips) < ranks:
        raise UserError(f"a batch of {len(draw.clips)} is too small for {ranks} processes; raise `batch:`")
    bounds = np.linspace(0, len(draw.clips), ranks + 1).astype(int).tolist()
    mine = slice(bounds[rank], bounds[rank + 1])
    if len(draw.clips) == len(draw.captions):
        return Draw(draw.clips[mine], draw.captions[mine], mine.start)
    return Draw(draw.clips[mine], draw.captions[np.isin(owners[draw.captions], draw.clips[mine])], mine.start)


def crop_start(length: int, longest: int | None, seed: Sequence[int]) -> int:
    """Where the part of a long clip begins that a step hears, drawn anew for each step; 0 for others."""
    if longest is None or length <= longest:
        return 0
    return int(np.random.default_rng(seed).integers(0, length - longest + 1))
