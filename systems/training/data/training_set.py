"""A training set: clips and captions of one or more data sets, drawn in batches that a seed decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array, Clip, PcmStore
from harness.datasets import RetrievalDataset, described, load, splits_for, training_split
from harness.errors import UserError, meant
from harness.evaluation import Clips
from harness.interface import Metadata, metadata_of
from harness.machine import Progress, embedding_key
from harness.protocols import Protocol, RetrievalTask, pose

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Splits of data sets, whose clips and captions are numbered from 0 across all of them.

    Attributes:
        datasets: the splits.
        stores: hold the clips of each, decoded at one sampling rate.
        extra: further texts that may stand for each caption in training; empty where no caption has any.
    """

    datasets: tuple[RetrievalDataset, ...]
    stores: tuple[PcmStore, ...]
    extra: tuple[tuple[str, ...], ...] = ()

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
        """A digest of the samples of all clips."""
        pairs = zip(self.stores, self.datasets, strict=True)
        return embedding_key(*(store.digest(dataset.clips) for store, dataset in pairs))

    @cached_property
    def captions_digest(self) -> str:
        """A digest of the names and captions of all clips."""
        return embedding_key(*(dataset.digest for dataset in self.datasets))

    def metadata(self, uses: Sequence[str]) -> tuple[Metadata, ...]:
        """What is known of each clip beside its sound, of these kinds.

        Raises:
            UserError: a data set has nothing of a kind.
        """
        splits = (described(dataset, uses, evaluated=False) for dataset in self.datasets)
        return tuple(metadata_of(clip, uses) for split in splits for clip in split.clips)

    def items(self, uses: Sequence[str]) -> Clips:
        """All clips as a system embeds them, with what it uses beside their sound.

        Raises:
            UserError: a data set has nothing of a kind.
        """
        splits = (described(dataset, uses, evaluated=False) for dataset in self.datasets)
        return Clips(
            [
                (split.name, (store, clip))
                for split, store in zip(splits, self.stores, strict=True)
                for clip in split.clips
            ]
        )

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
    """The clips and captions of a step, or of the part of it that one of several processes computes.

    Attributes:
        clips: indices, shape `(n,)`; a clip that is drawn twice is there twice.
        captions: indices, shape `(m,)`.
        first: position in the step of the part's first clip, counted from 0.
    """

    clips: Indices
    captions: Indices
    first: int = 0


def task_on(dataset: RetrievalDataset) -> RetrievalTask:
    """The task of finding each caption's clip in a split; what is trained is measured by it."""
    return pose(Protocol(f"{dataset.name}-{dataset.split}", dataset.name, dataset.split), dataset)


def load_split(
    name: str, purpose: Literal["training", "validation"], data_root: Path, progress: Progress
) -> RetrievalDataset:
    """The split of a data set that is trained on, or by which a checkpoint is chosen.

    Raises:
        UserError: the data set is unknown, has no such split, or is not there.
    """
    if purpose == "training":
        return load(*training_split(name), data_root, progress=progress)
    splits = splits_for(purpose)
    if name not in splits:
        raise UserError(f"{name!r} has no split for {purpose}; {meant(name, splits)}")
    return load(name, splits[name], data_root, progress=progress)


def draws(owners: Indices, batch: int, captions: Literal["one", "two", "all"], seed: int, epoch: int) -> list[Draw]:
    """The steps of an epoch, in an order that seed and epoch decide; what does not fill the last batch is left out.

    Args:
        owners: the clip each caption was written for.
        batch: number of pairs, or of clips, in a step.
        captions: `one` makes steps of pairs of a clip and a caption, `all` of clips with all their captions, `two`
            with two of them, or the only one.
        seed: of the order.
        epoch: counted from 0.

    Raises:
        UserError: the training set has less than one batch.
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
    if captions == "two":
        by_clip = [random.permutation(of_clip)[:2] for of_clip in by_clip]
    return [Draw(clips, np.concatenate([by_clip[clip] for clip in clips])) for clips in steps]


def share_of(draw: Draw, owners: Indices, rank: int, ranks: int) -> Draw:
    """The part of a step that one of several processes computes; one after the other, the parts are the step.

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
    """The first sample, drawn at random, of the at most `longest` samples of a clip that a step uses; 0 for all."""
    if longest is None or length <= longest:
        return 0
    return int(np.random.default_rng(seed).integers(0, length - longest + 1))
