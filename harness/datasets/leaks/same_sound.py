"""Clips of two collections that sound the same: with equal samples, or with a similar acoustic fingerprint."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from harness.audio import Fingerprint, FingerprintIndex, PcmStore, fingerprint
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import known_dataset
from harness.machine import Progress, silent


class Place(NamedTuple):
    """A clip: the index of its data set in a sequence of data sets, and its own index in `clips`."""

    dataset: int
    clip: int


class SameSound(NamedTuple):
    """Two clips that sound the same.

    `how` is `audio` where all samples are equal, and `fingerprint` where one is a copy or a part of the other;
    `evidence` is the digest of the samples, or the share of bits that differ.
    """

    training: Place
    evaluation: Place
    how: Literal["audio", "fingerprint"]
    evidence: str


@dataclass(frozen=True, slots=True, eq=False)
class _Sounds:
    """Clips that could be decoded, by index, and the store that holds them."""

    dataset: RetrievalDataset
    store: PcmStore
    there: tuple[int, ...]

    def digest(self, clip: int) -> str:
        return self.store.digest([self.dataset.clips[clip]])

    def fingerprint(self, clip: int) -> Fingerprint:
        return fingerprint(self.store.read(self.dataset.clips[clip]), self.store.sample_rate)


def same_sounds(
    training: Sequence[RetrievalDataset],
    evaluation: Sequence[RetrievalDataset],
    sample_rate: int,
    *,
    progress: Progress = silent,
) -> tuple[list[SameSound], list[str]]:
    """Find the clips that sound the same, as far as their audio is there.

    Evaluation clips that this package composes (those of `everyday`) share recordings and are different clips all the
    same, so they are compared by their samples alone.

    Args:
        training: the data sets on one side.
        evaluation: the data sets on the other side.
        sample_rate: Hz, at least 8,000, at which everything is decoded into the PCM store.
        progress: opened for decoding and for the fingerprints.

    Returns:
        The pairs, and a line on each data set of which audio is missing or broken.
    """
    incomplete = [line for dataset in (*training, *evaluation) if (line := _lacking(dataset))]
    if not _any_audio(training) or not _any_audio(evaluation):
        return [], incomplete
    broken: dict[str, None] = {}
    learned = [_decoded(dataset, sample_rate, progress, broken) for dataset in training]
    asked = [_decoded(dataset, sample_rate, progress, broken) for dataset in evaluation]
    pairs = [*_same_samples(learned, asked), *_same_fingerprints(learned, asked, progress)]
    return pairs, [*incomplete, *broken]


def _any_audio(datasets: Sequence[RetrievalDataset]) -> bool:
    return any(clip.path.is_file() for dataset in datasets for clip in dataset.clips)


def _lacking(dataset: RetrievalDataset) -> str | None:
    lacking = sum(not clip.path.is_file() for clip in dataset.clips)
    where = f"{dataset.name} {dataset.split}"
    return f"the sound of {lacking} of {len(dataset.clips)} clips of {where}: no audio there" if lacking else None


def _decoded(dataset: RetrievalDataset, sample_rate: int, progress: Progress, broken: dict[str, None]) -> _Sounds:
    store = PcmStore.of(dataset.name, sample_rate)
    there = [index for index, clip in enumerate(dataset.clips) if clip.path.is_file()]
    problems = store.ensure([dataset.clips[index] for index in there], progress=progress)
    broken |= dict.fromkeys(f"the sound of {dataset.name} {dataset.split}: {error}" for _, error in problems)
    unusable = {clip for clip, _ in problems}
    return _Sounds(dataset, store, tuple(index for index in there if dataset.clips[index] not in unusable))


def _places(sounds: Sequence[_Sounds]) -> Iterator[tuple[_Sounds, Place]]:
    for number, of in enumerate(sounds):
        for clip in of.there:
            yield of, Place(number, clip)


def _same_samples(learned: Sequence[_Sounds], asked: Sequence[_Sounds]) -> Iterator[SameSound]:
    by_digest: defaultdict[str, list[Place]] = defaultdict(list)
    for of, place in _places(asked):
        by_digest[of.digest(place.clip)].append(place)
    for of, place in _places(learned):
        digest = of.digest(place.clip)
        for other in by_digest.get(digest, ()):
            yield SameSound(place, other, "audio", digest[:16])


def _same_fingerprints(learned: Sequence[_Sounds], asked: Sequence[_Sounds], progress: Progress) -> Iterator[SameSound]:
    targets = [(of, place) for of, place in _places(asked) if not known_dataset(of.dataset.name).composed]
    if not targets:
        return
    advance = progress("fingerprint", len(targets) + sum(len(of.there) for of in learned))
    prints = []
    for of, place in targets:
        prints.append(of.fingerprint(place.clip))
        advance(1)
    index = FingerprintIndex(prints)
    for of, place in _places(learned):
        for target, errors in index.find(of.fingerprint(place.clip)).items():
            yield SameSound(place, targets[target][1], "fingerprint", f"{errors:.3f}")
        advance(1)
