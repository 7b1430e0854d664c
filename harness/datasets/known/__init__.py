"""The data sets there are: each is a file in this folder, named like the data set, that defines its `ENTRY`.

A hyphen in the name is an underscore in the file's.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

from harness.errors import UserError, meant, unknown
from harness.machine import Progress, silent

if TYPE_CHECKING:
    from harness.datasets.dataset import RetrievalDataset
    from harness.datasets.entry import DatasetEntry


def dataset_names() -> tuple[str, ...]:
    """The names of all data sets, in alphabetical order."""
    return tuple(sorted(module.name.replace("_", "-") for module in iter_modules(__path__)))


def known_dataset(name: str) -> "DatasetEntry":
    """All that is known of a data set.

    Raises:
        UserError: no data set has this name.
    """
    if name not in dataset_names():
        raise unknown("data set", name, dataset_names())
    entry: DatasetEntry = import_module(f"{__name__}.{name.replace('-', '_')}").ENTRY
    return entry


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
