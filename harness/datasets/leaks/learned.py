"""The data that a system and its ancestors were trained on: training splits without what exclusion lists name."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import load, training_split
from harness.datasets.leaks.exclusions import read_exclusions
from harness.datasets.leaks.identifiers import identifiers, known_ids
from harness.errors import UserError
from harness.interface import TrainedSystem, ancestors_of, training_of
from harness.machine import Progress, silent


def trained_on(card: Mapping[str, object], folder: Path = Path()) -> tuple[list[TrainedSystem], list[str]]:
    """The systems whose training data a card's system has learned from: itself first, then its ancestors.

    The paths in the card go from `folder`.

    Returns:
        The systems whose cards name data sets; and a line on each ancestor whose training data are not known.

    Raises:
        UserError: the card names no data set, or one that is unknown, or systems are ancestors of each other in a
            circle.
    """
    title, training = str(card.get("name", "?")), training_of(card)
    known = [_named_data(TrainedSystem(title, title, training))]
    unknown: list[str] = []
    for ancestor in ancestors_of(training, folder):
        try:
            known.append(_named_data(ancestor))
        except UserError as error:
            unknown.append(f"what {ancestor.name} learned from, which this system starts from or is taught by: {error}")
    return known, unknown


def load_trained_on(
    system: TrainedSystem, data_root: Path, *, progress: Progress = silent
) -> tuple[list[RetrievalDataset], list[str]]:
    """Load the training splits, without what the exclusion lists name.

    Returns:
        The splits that are there, and a line on each that is not.

    Raises:
        UserError: an exclusion list cannot be read, or names nothing in data that are all there.
    """
    datasets: list[RetrievalDataset] = []
    absent: list[str] = []
    for name, split in map(training_split, system.training.data):
        try:
            datasets.append(load(name, split, data_root, progress=progress))
        except UserError as error:
            absent.append(f"{name} {split}, from which {system.title} learns: {error}")
    lists = [data_root / path for path in system.training.exclude]
    return without_listed(datasets, lists, anywhere=not absent), absent


def without_listed(
    datasets: Sequence[RetrievalDataset], lists: Sequence[Path], *, anywhere: bool = True
) -> list[RetrievalDataset]:
    """Leave out what exclusion lists name.

    Args:
        datasets: training splits that are used together.
        lists: as `read_exclusions` reads them.
        anywhere: whether each list must name at least one clip of these splits.

    Raises:
        UserError: a list cannot be read, or names no clip, which most likely means that its ids are written otherwise
            than the data set's, so that training on evaluation clips would go unnoticed.
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


def _named_data(system: TrainedSystem) -> TrainedSystem:
    """The system itself, whose card names known data sets."""
    if system.problem:
        raise UserError(system.problem)
    if not system.training.data:
        raise UserError(
            f"card {system.title!r} does not say what its system learns from; expected `training: {{data: [...]}}`"
        )
    try:
        list(map(training_split, system.training.data))
    except UserError as error:
        raise UserError(f"card {system.title!r}: training.data: {error}") from None
    return system
