"""The package mteb: whether it is here, what it calls our data sets, and how it does without torchaudio."""

import importlib
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

from harness.errors import UserError, one_line

TASKS = {
    "audiocaps": ("AudioCapsA2TRetrieval", "AudioCapsT2ARetrieval"),
    "clotho": (
        "ClothoA2TRetrieval",
        "ClothoA2TRetrieval.v2",
        "ClothoT2ARetrieval",
        "ClothoT2ARetrieval.v2",
    ),
}
"""The tasks of MTEB that are made of a data set of ours; it names training data by tasks."""


def mteb() -> Any:
    """The package.

    Raises:
        UserError: it is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module("mteb")
    except Exception as error:
        raise UserError(
            f"MTEB cannot be used: {one_line(error)}; install the extra: pip install 'lbar[mteb]'"
        ) from error


def tasks_of(datasets: Collection[str]) -> set[str]:
    """The names of MTEB's tasks on these data sets.

    >>> sorted(tasks_of(["audiocaps", "everyday"]))
    ['AudioCapsA2TRetrieval', 'AudioCapsT2ARetrieval']
    """
    return {task for name in datasets for task in TASKS.get(name, ())}


def datasets_of(tasks: Collection[str]) -> tuple[str, ...]:
    """The data sets that MTEB's tasks are made of; a task on another one stands for itself.

    >>> datasets_of({"ClothoT2ARetrieval", "ClothoA2TRetrieval", "FSD50K"})
    ('clotho', 'FSD50K')
    """
    ours = {task: name for name, named in TASKS.items() for task in named}
    return tuple(dict.fromkeys(ours.get(task, task) for task in sorted(tasks)))


_UNNEEDED = ("torchaudio", "torchvision")
"""What MTEB asks for even where nothing is to be resampled and no picture is to be seen."""


@contextmanager
def torchaudio_spared(rate: int) -> Iterator[None]:
    """Let MTEB's models run where torchaudio and torchvision are not here, by something in their place meanwhile.

    Args:
        rate: Hz of the clips that models get; a line names it where one of them would resample.
    """
    # It remembers what is here, and must not remember what is not.
    from transformers.utils.import_utils import is_torchaudio_available, is_torchvision_available

    is_torchaudio_available(), is_torchvision_available()
    absent = [name for name in _UNNEEDED if not _imports(name)]
    before = {name: sys.modules.get(name) for name in absent}
    for name in absent:
        stand_in: Any = ModuleType(name)
        stand_in.__spec__ = ModuleSpec(name, None)
        stand_in.transforms = SimpleNamespace(Resample=partial(_refuse, rate))
        sys.modules[name] = stand_in
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if module})


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:
        # What is installed may be of another build than torch, and fail in any way.
        return False
    return True


def _refuse(rate: int, *, new_freq: int, **_: object) -> None:
    raise UserError(
        f"the model wants {new_freq:,} Hz and the card says {rate:,}; write `sample_rate: {new_freq}` there"
    )
