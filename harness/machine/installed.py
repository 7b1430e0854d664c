"""What installed distributions register, by entry points."""

import os
import sys
from functools import lru_cache
from importlib import metadata
from typing import Any


def entry_points(group: str) -> metadata.EntryPoints:
    """The entry points of a group.

    Every distribution has to be opened for them, which takes milliseconds and is asked for several times in a command.
    They are read once more where a folder that Python looks in has changed, as Python does with modules.
    """
    found: metadata.EntryPoints = _all(tuple((folder, _changed(folder)) for folder in sys.path)).select(group=group)
    return found


@lru_cache(maxsize=1)
def _all(folders: tuple[tuple[str, int], ...]) -> Any:  # noqa: ARG001
    return metadata.entry_points()


def _changed(folder: str) -> int:
    """When something was added to a folder or taken from it, in ns; 0 where it is none."""
    try:
        return os.stat(folder or os.curdir).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0
