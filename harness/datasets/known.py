"""The data sets there are."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from harness.datasets.dataset import RetrievalDataset
from harness.errors import UserError
from harness.machine import Progress, silent

SPLITS = {
    "clotho": ("development", "validation", "evaluation"),
    "audiocaps": ("train", "val", "test", "test-957", "val-v2", "test-v2"),
    "wavcaps": ("train",),
    "folder": ("all",),
    "everyday": ("development", "validation", "evaluation"),
}
"""The splits of each data set; the data set `name` is read by the module `harness.datasets.<name>`."""


def load(name: str, split: str, data_root: Path, *, progress: Progress = silent) -> RetrievalDataset:
    """Load one split of a data set. Audio need not be there; `verify` looks at it.

    Args:
        name: of the data set.
        split: in the data set's own words.
        data_root: folder with the data sets as officially unpacked; the bundled benchmark needs none.
        progress: opened where the bundled benchmark is rendered first.

    Raises:
        UserError: an unknown data set or split, or something is wrong with its files.
    """
    selected_splits(name, [split])
    module = import_module("harness.datasets.everyday" if name == "everyday" else f"harness.datasets.readers.{name}")
    dataset: RetrievalDataset = (
        module.load(split, progress=progress) if name == "everyday" else module.load(data_root, split)
    )
    return dataset


def selected_splits(name: str, splits: Sequence[str] | None = None) -> tuple[str, ...]:
    """The splits that are asked for: those given, by default all of the data set.

    Raises:
        UserError: no data set has this name, or it has no such split.
    """
    if name not in SPLITS:
        raise UserError(f"unknown data set {name!r}; known are {', '.join(SPLITS)}")
    for split in splits or ():
        if split not in SPLITS[name]:
            raise UserError(f"{name} has no split {split!r}; known are {', '.join(SPLITS[name])}")
    return tuple(splits or SPLITS[name])
