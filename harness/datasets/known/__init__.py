"""The data sets there are: each is a file in this folder, named like the data set, that defines its `ENTRY`.

A hyphen in the name is an underscore in the file's. Others come from YAML files, and from other distributions by entry
points of the group `lbar.datasets`.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

from harness.errors import UserError, meant, unknown
from harness.machine import Progress, entry_points, silent

if TYPE_CHECKING:
    from harness.datasets.dataset import RetrievalDataset
    from harness.datasets.description import DatasetDescription
    from harness.datasets.entry import DatasetEntry
    from harness.interface import Provided

GROUP = "lbar.datasets"
"""Entry point group by which other distributions provide data sets: `DatasetEntry` objects or YAML files."""

_named_by_files: "dict[str, DatasetDescription]" = {}


def own_names() -> tuple[str, ...]:
    """The names of the data sets in this folder, in alphabetical order."""
    return tuple(sorted(module.name.replace("_", "-") for module in iter_modules(__path__)))


def dataset_names() -> tuple[str, ...]:
    """The names of all data sets that can be used, in alphabetical order."""
    return tuple(sorted({*own_names(), *_provided().found, *_named_by_files}))


def dataset_problems() -> tuple[UserError, ...]:
    """The errors of those that other distributions provide and that cannot be used."""
    return tuple(_provided().problems.values())


def known_dataset(name: str) -> "DatasetEntry":
    """All that is known of a data set.

    Raises:
        UserError: no data set has this name, or two distributions provide one.
    """
    if name in own_names():
        entry: DatasetEntry = import_module(f"{__name__}.{name.replace('-', '_')}").ENTRY
        return entry
    if name in _named_by_files:
        return _named_by_files[name].entry
    found = _provided().get(name)
    if found is None:
        raise unknown("data set", name, dataset_names())
    return found


def add_dataset(description: "DatasetDescription") -> str:
    """Make a data set that a YAML file describes known to this process, and return its name.

    Raises:
        UserError: another data set has its name.
    """
    name = description.name
    if name in own_names():
        raise UserError(f"{name!r} is the name of one of lbar's own data sets; give yours another `name:`")
    if _named_by_files.setdefault(name, description) != description:
        raise UserError(f"two descriptions of a data set {name!r} differ; give one of them another `name:`")
    return name


def named_dataset(name: str) -> str:
    """The name of a data set that is named so, or described by the YAML file of this path.

    Raises:
        UserError: the file cannot be read, or another data set has its name.
    """
    from harness.datasets.description import read_description
    from harness.interface import is_card

    return add_dataset(read_description(Path(name))) if is_card(name) else name


def _provided() -> "Provided[DatasetEntry]":
    from harness.interface import Provided, provided

    if not entry_points(group=GROUP):
        return Provided({}, {})
    from harness.datasets.description import read_description
    from harness.datasets.entry import DatasetEntry

    return provided(GROUP, DatasetEntry, lambda path: read_description(path).entry)


def load(name: str, split: str, data_root: Path, *, progress: Progress = silent) -> "RetrievalDataset":
    """Load one split of a data set. Audio need not be there; `verify` looks at it.

    Args:
        name: of the data set.
        split: in the data set's own words.
        data_root: folder with the data sets as officially unpacked; the bundled benchmark needs none.
        progress: opened where the bundled benchmark is rendered first.

    Raises:
        UserError: an unknown data set or split, or something is wrong with its files.
    """
    from harness.datasets.readers.captions_csv import read_split
    from harness.datasets.readers.layout import find_file

    selected_splits(name, [split])
    entry = known_dataset(name)
    if entry.read is not None:
        return entry.read(data_root, split, progress)
    path = find_file(data_root, name, entry.splits[split].captions_files)
    return read_split(path, entry.audio_folder(path, split), name, split)


def selected_splits(name: str, splits: Sequence[str] | None = None) -> tuple[str, ...]:
    """The splits that are asked for: those given, by default all of the data set.

    Raises:
        UserError: no data set has this name, or it has no such split.
    """
    known = known_dataset(name).splits
    for split in splits or ():
        if split not in known:
            raise UserError(f"{name} has no split {split!r}; {meant(split, known)}")
    return tuple(splits or known)


def training_split(name: str) -> tuple[str, str]:
    """The data set and the split that a name among a card's training data means: its training split, or one it says.

    Raises:
        UserError: there is no such data set or split, or the data set has no training split and none is said.

    >>> training_split("audiocaps"), training_split("audiocaps/test")
    (('audiocaps', 'train'), ('audiocaps', 'test'))
    """
    dataset, _, split = name.partition("/")
    splits = splits_for("training")
    if dataset not in splits:
        raise UserError(f"{name!r} has no split for training; {meant(name, splits)}")
    (chosen,) = selected_splits(dataset, [split or splits[dataset]])
    return dataset, chosen


def splits_for(purpose: Literal["training", "validation"]) -> dict[str, str]:
    """The split of each data set that is trained on, or by which a checkpoint is chosen, where there is one.

    >>> splits_for("validation")["audiocaps"]
    'val'
    """
    splits = {name: getattr(known_dataset(name), purpose) for name in dataset_names()}
    return {name: split for name, split in splits.items() if split is not None}
