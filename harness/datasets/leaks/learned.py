"""What a card's system learns from: data sets without what exclusion lists name, and what others learned before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import load, splits_for
from harness.datasets.leaks.exclusions import read_exclusions
from harness.datasets.leaks.identifiers import identifiers, known_ids
from harness.errors import UserError
from harness.interface import read_card
from harness.machine import Progress, silent


@dataclass(frozen=True, slots=True)
class Lessons:
    """What one system learned from.

    Attributes:
        system: its name.
        data: names of data sets.
        exclude: exclusion lists, paths from the data root.
    """

    system: str
    data: tuple[str, ...]
    exclude: tuple[str, ...] = ()


def lessons_of(card: Mapping[str, object]) -> tuple[list[Lessons], list[str]]:
    """What a card's system learns from, and what the systems learned from that it starts from or is taught by.

    Of the section `training` are read `data`, `exclude`, `start` and `teachers`.

    Returns:
        The system's own lessons first; and a line on each other system of which they cannot be told.

    Raises:
        UserError: the card does not say what its system learns from, or names no data set there is.
    """
    lessons = [_lessons(card)]
    unknown: list[str] = []
    waiting = _elders(card)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        try:
            elder, _ = read_card(name)
            lessons.append(_lessons(elder))
        except UserError as error:
            unknown.append(f"what {name} learned from, which this system starts from or is taught by: {error}")
        else:
            waiting += _elders(elder)
    return lessons, unknown


def load_lessons(
    lessons: Lessons, data_root: Path, *, progress: Progress = silent
) -> tuple[list[RetrievalDataset], list[str]]:
    """Load the training splits, without what the exclusion lists name.

    Returns:
        The splits that are there, and a line on each that is not.

    Raises:
        UserError: an exclusion list cannot be read, or names nothing in data that are all there.
    """
    datasets: list[RetrievalDataset] = []
    absent: list[str] = []
    splits = splits_for("training")
    for name in lessons.data:
        try:
            datasets.append(load(name, splits[name], data_root, progress=progress))
        except UserError as error:
            absent.append(f"{name} {splits[name]}, from which {lessons.system} learns: {error}")
    lists = [data_root / path for path in lessons.exclude]
    return without_listed(datasets, lists, anywhere=not absent), absent


def without_listed(
    datasets: Sequence[RetrievalDataset], lists: Sequence[Path], *, anywhere: bool = True
) -> list[RetrievalDataset]:
    """Leave out what exclusion lists name.

    Args:
        datasets: training splits that are used together.
        lists: as `read_exclusions` reads them.
        anywhere: whether each list must name a clip of at least one of them.

    Raises:
        UserError: a list cannot be read, or names no clip: then the ids were most likely not compared as they should
            be, and training on evaluation clips would go unnoticed.
    """
    listed = {path: read_exclusions(path) for path in lists}
    known = frozenset().union(*(known_ids(dataset) for dataset in datasets))
    for path, ids in listed.items():
        if anywhere and not ids & known:
            names = " and ".join(f"{dataset.name} {dataset.split}" for dataset in datasets)
            raise UserError(
                f"{path}: none of its {len(ids)} ids is among the {len(known)} known ones of {names}; a list that "
                "excludes nothing is the wrong list, or Clotho's metadata, which have its ids, are not beside its "
                "captions"
            )
    excluded = frozenset().union(*listed.values())
    return [without(dataset, excluded) for dataset in datasets]


def without(dataset: RetrievalDataset, ids: frozenset[str]) -> RetrievalDataset:
    """Leave out the clips with these ids, and their captions.

    >>> from harness.datasets.dataset import from_captions
    >>> named = from_captions("folder", "all", Path(), {"117790.wav": ["noise"], "rain.wav": ["rain"]}, Path)
    >>> without(named, frozenset({"117790"})).queries
    (Query(text='rain', clip=0),)
    """
    pairs = zip(dataset.clips, identifiers(dataset), strict=True)
    return dataset.without({clip.name for clip, identifier in pairs if identifier in ids})


def _lessons(card: Mapping[str, object]) -> Lessons:
    system = str(card.get("name", "?"))
    data = _names(card, "data")
    if not data:
        raise UserError(
            f"card {system!r} does not say what its system learns from; expected `training: {{data: [...]}}`"
        )
    known = splits_for("training")
    if unknown := [name for name in data if name not in known]:
        raise UserError(
            f"card {system!r}: training.data names {', '.join(unknown)}; known data sets are {', '.join(known)}"
        )
    return Lessons(system, data, _names(card, "exclude"))


def _elders(card: Mapping[str, object]) -> list[str]:
    """The systems a system starts from or is taught by."""
    training = card.get("training")
    start = training.get("start") if isinstance(training, Mapping) else None
    return [*([str(start)] if start else []), *_names(card, "teachers")]


def _names(card: Mapping[str, object], field: str) -> tuple[str, ...]:
    """A list of names in the card's section `training`; none where there is no such field."""
    training = card.get("training") or {}
    if not isinstance(training, Mapping):
        raise UserError(f"card {card.get('name', '?')!r}: training is {training!r}; expected fields such as `data`")
    names = training.get(field) or ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UserError(f"card {card.get('name', '?')!r}: training.{field} is {names!r}; expected a list of names")
    return tuple(names)
