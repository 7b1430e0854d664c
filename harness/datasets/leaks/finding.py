"""Leaks: training clips that are evaluation clips."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from harness.datasets.clip_names import title
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import dataset_names, known_dataset, load
from harness.datasets.leaks.identifiers import id_files, identifiers
from harness.datasets.leaks.learned import load_trained_on, trained_on
from harness.datasets.leaks.same_sound import Place, same_sounds
from harness.errors import UserError
from harness.machine import Progress, silent

How = Literal["id", "name", "audio", "fingerprint"]
Ids = Sequence[str | None]
_Same = tuple[Place, Place, How, str]
"""A training clip, an evaluation clip, what they share, and the evidence."""

_SAMPLE_RATE = 16_000
_HOW = {
    "id": "id",
    "name": "name",
    "audio": "samples",
    "fingerprint": "acoustic fingerprint, share of bits that differ",
}
_BY: Mapping[How, str] = {"id": "id", "name": "name", "audio": "equal samples", "fingerprint": "acoustic fingerprint"}


@dataclass(frozen=True, slots=True)
class Item:
    """A clip of a split."""

    dataset: str
    split: str
    clip: str

    def __str__(self) -> str:
        return f"{self.dataset} {self.split} {self.clip!r}"


@dataclass(frozen=True, slots=True)
class Leak:
    """A training clip that is an evaluation clip.

    Attributes:
        training: the training clip.
        evaluation: the evaluation clip.
        how: what they share: the `id`, the title where no id says otherwise (`name`), all samples (`audio`), or at
            least 3 s of sound (`fingerprint`). Of several, the first in this order.
        evidence: the id, the title, the beginning of the digest of the samples, or the share of fingerprint bits that
            differ.
    """

    training: Item
    evaluation: Item
    how: How
    evidence: str

    def __str__(self) -> str:
        return f"{self.training} is {self.evaluation}: same {_HOW[self.how]} ({self.evidence})"


@dataclass(frozen=True, slots=True)
class LeakReport:
    """The leaks that were found, and what could not be compared.

    Attributes:
        leaks: in the order of the training clips.
        unchecked: a line on each data set, system or file that was not compared, and why.
        clips: number of training clips that were compared.
    """

    leaks: tuple[Leak, ...]
    unchecked: tuple[str, ...]
    clips: int

    @property
    def leaked(self) -> tuple[Item, ...]:
        """The training clips that are evaluation clips, each once."""
        return tuple(dict.fromkeys(leak.training for leak in self.leaks))

    def summary(self) -> str:
        """The counts, in a line."""
        if not self.leaks:
            return f"none of {self.clips} training clips is known to be an evaluation clip"
        first = {leak.training: leak.how for leak in reversed(self.leaks)}
        counts = Counter(first.values())
        by = ", ".join(f"{counts[how]} by {words}" for how, words in _BY.items() if counts[how])
        return f"{len(self.leaked)} of {self.clips} training clips are evaluation clips ({by})"

    def to_json(self) -> dict[str, object]:
        """As a JSON document."""
        return {
            "training_clips": self.clips,
            "leaked_clips": len(self.leaked),
            "leaks": [asdict(leak) for leak in self.leaks],
            "unchecked": list(self.unchecked),
        }


def leaks_of(
    card: Mapping[str, object],
    data_root: Path,
    *,
    folder: Path = Path(),
    audio: bool = False,
    progress: Progress = silent,
) -> LeakReport:
    """Compare the training clips of a card's system with all evaluation clips.

    Training clips are those of the data sets that the card's section `training` names, without what its exclusion lists
    name, and those of the systems that it starts from or is taught by. Evaluation clips are those of the evaluation
    splits of all data sets; of data sets that this package composes, only where the system is trained on them, as no
    other data set holds their clips.

    Args:
        card: as `read_card` gives it.
        data_root: folder with the data sets.
        folder: the card's, from which the paths of other systems in it go.
        audio: also compare the audio that is there, which is decoded first.
        progress: opened for long stages.

    Raises:
        UserError: the card does not name its training data, none of them are in the data root, or an exclusion list
            cannot be read or names nothing.
    """
    systems, unchecked = trained_on(card, folder)
    training: dict[tuple[str, str, str], RetrievalDataset] = {}
    for each in systems:
        datasets, absent = load_trained_on(each, data_root, progress=progress)
        unchecked += absent
        training |= {(dataset.name, dataset.split, dataset.digest): dataset for dataset in datasets}
    if not training:
        raise UserError(f"nothing that {systems[0].title} learns from is in {data_root}; say --data-root", unchecked)
    learned_from = {dataset.name for dataset in training.values()}
    evaluation, absent = evaluation_sets(data_root, learned_from, progress=progress)
    sample_rate = _SAMPLE_RATE if audio else None
    report = find_leaks(tuple(training.values()), evaluation, sample_rate=sample_rate, progress=progress)
    lines = dict.fromkeys((*unchecked, *absent, *report.unchecked))
    return LeakReport(report.leaks, tuple(lines), report.clips)


def evaluation_sets(
    data_root: Path, learned_from: Collection[str], *, progress: Progress = silent
) -> tuple[list[RetrievalDataset], list[str]]:
    """The evaluation splits of the data sets in which training clips may be found.

    Args:
        data_root: folder with the data sets.
        learned_from: names of data sets. One whose clips this package composes is looked at only if it is among them.
        progress: opened where clips are rendered first.

    Returns:
        The splits that are there, without those that are a part of another; and a line on each that is not there.
    """
    datasets: list[RetrievalDataset] = []
    absent: list[str] = []
    entries = [known_dataset(name) for name in dataset_names()]
    considered = [entry for entry in entries if not entry.composed or entry.name in learned_from]
    sizes = {(entry.name, split): entry.splits[split].clips or 0 for entry in considered for split in entry.evaluation}
    # The largest first, so that a split that is a part of another comes after it.
    for name, split in sorted(sizes, key=sizes.__getitem__, reverse=True):
        try:
            dataset = load(name, split, data_root, progress=progress)
        except UserError as error:
            absent.append(f"{name} {split}, on which is evaluated: {error}")
            continue
        if not any(other.name == name and _names(dataset) <= _names(other) for other in datasets):
            datasets.append(dataset)
    return datasets, absent


def find_leaks(
    training: Sequence[RetrievalDataset],
    evaluation: Sequence[RetrievalDataset],
    *,
    sample_rate: int | None = None,
    progress: Progress = silent,
) -> LeakReport:
    """Find the training clips that are evaluation clips.

    Args:
        training: the splits that are trained on.
        evaluation: the splits that are evaluated on.
        sample_rate: Hz; where given, the audio that is there is decoded at this rate and compared as well.
        progress: opened for decoding and for the fingerprints.

    Raises:
        UserError: metadata cannot be read, or the PCM store cannot be written.
    """
    learned = [(dataset, identifiers(dataset)) for dataset in training]
    asked = [(dataset, identifiers(dataset)) for dataset in evaluation]
    same: list[_Same] = list(_same_names(learned, asked))
    unchecked = [line for dataset, ids in (*learned, *asked) if (line := _without_id(dataset, ids))]
    if sample_rate is not None:
        sounds, not_compared = same_sounds(training, evaluation, sample_rate, progress=progress)
        same += sounds
        unchecked += not_compared
    found: dict[tuple[Place, Place], Leak] = {}
    for one, other, how, evidence in same:
        leak = Leak(_item(training, one), _item(evaluation, other), how, evidence)
        found.setdefault((one, other), leak)
    # A system and its teacher may have learned from the same clips.
    leaks = dict.fromkeys(found[places] for places in sorted(found))
    clips = {(dataset.name, dataset.split, name) for dataset in training for name in _names(dataset)}
    return LeakReport(tuple(leaks), tuple(dict.fromkeys(unchecked)), len(clips))


def _names(dataset: RetrievalDataset) -> set[str]:
    return {clip.name for clip in dataset.clips}


def _item(datasets: Sequence[RetrievalDataset], place: Place) -> Item:
    dataset = datasets[place.dataset]
    return Item(dataset.name, dataset.split, dataset.clips[place.clip].name)


def _same_names(
    learned: Sequence[tuple[RetrievalDataset, Ids]], asked: Sequence[tuple[RetrievalDataset, Ids]]
) -> Iterator[_Same]:
    """Clips that share an id, or a title; of two clips that both have an id, the ids alone decide."""
    for number, (training, ids) in enumerate(learned):
        for other, (evaluation, other_ids) in enumerate(asked):
            for clip, twin, identifier in _equal(ids, other_ids):
                yield Place(number, clip), Place(other, twin), "id", identifier
            titled = (known_dataset(one.name).named_by_title for one in (training, evaluation))
            if training.name != evaluation.name and not all(titled):
                continue
            titles, other_titles = ([title(clip.name) for clip in one.clips] for one in (training, evaluation))
            for clip, twin, name in _equal(titles, other_titles):
                if not (ids[clip] and other_ids[twin]):
                    yield Place(number, clip), Place(other, twin), "name", name


def _equal(keys: Ids, others: Ids) -> Iterator[tuple[int, int, str]]:
    """Index among the keys, index among the others, and the key that is equal."""
    twins: defaultdict[str | None, list[int]] = defaultdict(list)
    for twin, key in enumerate(others):
        twins[key].append(twin)
    for index, key in enumerate(keys):
        if key:
            for twin in twins.get(key, ()):
                yield index, twin, key


def _without_id(dataset: RetrievalDataset, ids: Ids) -> str | None:
    """A line on the clips that lack a FreeSound number where each should have one."""
    unknown, candidates = ids.count(None), id_files(dataset)
    if not candidates or not unknown:
        return None
    path, where = next(filter(Path.is_file, candidates), None), f"{dataset.name} {dataset.split}"
    names = " nor ".join(candidate.name for candidate in candidates)
    why = f"not in {path}" if path else f"neither {names} is in {dataset.root}"
    return f"the FreeSound ids of {unknown} of {len(ids)} clips of {where} ({why}), but their names are"
