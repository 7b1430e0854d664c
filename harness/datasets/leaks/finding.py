"""Leaks: training items that are evaluation items."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import load
from harness.datasets.leaks.identifiers import identifiers, metadata_file, metadata_names, title
from harness.datasets.leaks.learned import load_trained_on, trained_on
from harness.datasets.leaks.same_sound import Place, same_sounds
from harness.errors import UserError
from harness.machine import Progress, silent
from harness.protocols import PROTOCOLS

How = Literal["id", "name", "audio", "fingerprint"]
Ids = Sequence[str | None]

_HOW = {
    "id": "id",
    "name": "name",
    "audio": "samples",
    "fingerprint": "acoustic fingerprint, share of bits that differ",
}
_BY: Mapping[How, str] = {"id": "id", "name": "name", "audio": "equal samples", "fingerprint": "acoustic fingerprint"}
# Their file names are titles, which for a clip without a known id is all there is to compare.
_TITLED = frozenset({"clotho", "folder"})
_VALIDATION = frozenset({"val", "validation"})


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
    """A training item that is an evaluation item.

    Attributes:
        training: the one.
        evaluation: the other.
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
    """What was found, and what could not be looked at.

    Attributes:
        leaks: in the order of the training items.
        unchecked: a line on each data set, system or file that was not compared, and why.
        clips: number of training items that were compared.
    """

    leaks: tuple[Leak, ...]
    unchecked: tuple[str, ...]
    clips: int

    @property
    def leaked(self) -> tuple[Item, ...]:
        """The training items that are evaluation items, each once."""
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
    sample_rate: int = 16_000,
    progress: Progress = silent,
) -> LeakReport:
    """Compare all that a card's system learns from with all that it may be evaluated on.

    Learned from is what the card's section `training` names, less its exclusion lists, and what the systems learned
    from that it starts from or is taught by. Evaluated on are the evaluation and test splits of all protocols;
    `everyday` only where it is learned from too, and no `folder`, which is whatever its owner says.

    Args:
        card: as `read_card` gives it.
        data_root: folder with the data sets.
        folder: the card's, from which the paths of other systems in it go.
        audio: also compare the audio that is there, which is decoded for it.
        sample_rate: Hz of the PCM store that it is decoded into; that of the system saves decoding it again.
        progress: opened for long stages.

    Raises:
        UserError: the card does not say what is learned from, none of it is in the data root, or an exclusion list
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
    everyday = any(dataset.name == "everyday" for dataset in training.values())
    evaluation, absent = evaluation_sets(data_root, everyday=everyday, progress=progress)
    report = find_leaks(
        tuple(training.values()), evaluation, sample_rate=sample_rate if audio else None, progress=progress
    )
    lines = dict.fromkeys((*unchecked, *absent, *report.unchecked))
    return LeakReport(report.leaks, tuple(lines), report.clips)


def evaluation_sets(
    data_root: Path, *, everyday: bool = True, progress: Progress = silent
) -> tuple[list[RetrievalDataset], list[str]]:
    """The splits by which protocols evaluate, but for validation splits and folders.

    Args:
        data_root: folder with the data sets.
        everyday: whether the bundled benchmark, which is rendered on first use, is one of them.
        progress: opened for rendering it.

    Returns:
        Those that are there, less those that are part of another; and a line on each that is not there.
    """
    datasets: list[RetrievalDataset] = []
    absent: list[str] = []
    for name, split in dict.fromkeys((protocol.dataset, protocol.split) for protocol in PROTOCOLS.values()):
        if split in _VALIDATION or name == "folder" or (name == "everyday" and not everyday):
            continue
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
    """Find the training items that are evaluation items.

    Args:
        training: what is learned from.
        evaluation: what is evaluated on.
        sample_rate: Hz; where given, the audio that is there is decoded at this rate and compared as well.
        progress: opened for what takes long: decoding and fingerprints.

    Raises:
        UserError: metadata cannot be read, or the PCM store cannot be written.
    """
    found: dict[tuple[Place, Place], Leak] = {}
    learned_ids = [identifiers(dataset) for dataset in training]
    asked_ids = [identifiers(dataset) for dataset in evaluation]

    def add(one: Place, other: Place, how: How, evidence: str) -> None:
        leak = Leak(_item(training, one), _item(evaluation, other), how, evidence)
        found.setdefault((one, other), leak)

    for number, (learned, ids) in enumerate(zip(training, learned_ids, strict=True)):
        for other, (asked, other_ids) in enumerate(zip(evaluation, asked_ids, strict=True)):
            for clip, twin, identifier in _same_id(ids, other_ids):
                add(Place(number, clip), Place(other, twin), "id", identifier)
            for clip, twin, name in _same_title(learned, ids, asked, other_ids):
                add(Place(number, clip), Place(other, twin), "name", name)
    unchecked = [
        line
        for dataset, ids in zip((*training, *evaluation), (*learned_ids, *asked_ids), strict=True)
        if (line := _without_id(dataset, ids))
    ]
    if sample_rate is not None:
        pairs, unheard = same_sounds(training, evaluation, sample_rate, progress=progress)
        unchecked += unheard
        for pair in pairs:
            add(*pair)
    # A system and its teacher may have learned from the same clips.
    leaks = dict.fromkeys(found[places] for places in sorted(found))
    clips = {(dataset.name, dataset.split, name) for dataset in training for name in _names(dataset)}
    return LeakReport(tuple(leaks), tuple(dict.fromkeys(unchecked)), len(clips))


def _names(dataset: RetrievalDataset) -> set[str]:
    return {clip.name for clip in dataset.clips}


def _item(datasets: Sequence[RetrievalDataset], place: Place) -> Item:
    dataset = datasets[place.dataset]
    return Item(dataset.name, dataset.split, dataset.clips[place.clip].name)


def _same_id(ids: Ids, other_ids: Ids) -> Iterator[tuple[int, int, str]]:
    """Clip, evaluation clip, and the id they share."""
    twins: defaultdict[str, list[int]] = defaultdict(list)
    for twin, identifier in enumerate(other_ids):
        if identifier:
            twins[identifier].append(twin)
    for clip, identifier in enumerate(ids):
        if identifier:
            for twin in twins.get(identifier, ()):
                yield clip, twin, identifier


def _same_title(
    learned: RetrievalDataset, ids: Ids, asked: RetrievalDataset, other_ids: Ids
) -> Iterator[tuple[int, int, str]]:
    """Clip, evaluation clip, and the title they share; those whose ids are known to differ share no more than that."""
    if learned.name != asked.name and not {learned.name, asked.name} <= _TITLED:
        return
    twins: defaultdict[str, list[int]] = defaultdict(list)
    for twin, clip in enumerate(asked.clips):
        twins[title(clip.name)].append(twin)
    for index, clip in enumerate(learned.clips):
        name = title(clip.name)
        for twin in twins.get(name, ()):
            if not (ids[index] and other_ids[twin]):
                yield index, twin, name


def _without_id(dataset: RetrievalDataset, ids: Ids) -> str | None:
    """A line on the clips of Clotho whose FreeSound number is unknown."""
    unknown = sum(identifier is None for identifier in ids)
    if dataset.name != "clotho" or not unknown:
        return None
    path = metadata_file(dataset)
    why = f"not in {path}" if path else f"neither {' nor '.join(metadata_names(dataset.split))} is in {dataset.root}"
    return f"the FreeSound ids of {unknown} of {len(ids)} clips of clotho {dataset.split} ({why}), but their names are"
