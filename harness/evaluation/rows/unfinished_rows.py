"""Rows of a system that does not say what decides its output: kept in memory, only while they are incomplete."""

import logging
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.evaluation.rows.kept_rows import Rest

_log = logging.getLogger(__name__)
_batches: dict[tuple[int, str], list[Array]] = {}


class UnfinishedRows:
    """A matrix whose computation, when it is interrupted, goes on where it stopped, within this process.

    It goes on for the same object only, and only while that object answers the last batch as it did before. When it is
    complete nothing of it stays.
    """

    def __init__(self, key: tuple[int, str]) -> None:
        """Get them by `unfinished_rows`."""
        self._key = key

    def complete(
        self,
        count: int,  # noqa: ARG002
        rest: Rest[np.float32],
        advance: Callable[[int], object],
    ) -> Array:
        """All rows, after computing those that are missing; the arguments are those of `KeptRows.complete`."""
        done = _batches.setdefault(self._key, [])
        batches: Iterator[NDArray[np.floating[Any]]] = iter(rest(_matrix(done[:-1])))
        if done and not np.array_equal(next(batches), done[-1]):
            _log.warning("the system answers otherwise than before it was interrupted; all is computed anew")
            done.clear()
            batches = iter(rest(_matrix(done)))
        advance(sum(map(len, done)))
        for batch in batches:
            done.append(batch.astype(np.float32, copy=False))
            advance(len(batch))
        del _batches[self._key]
        return _matrix(done)


def _matrix(batches: list[Array]) -> Array:
    return np.concatenate(batches) if batches else np.zeros((0, 0), np.float32)


def unfinished_rows(system: object, key: str) -> UnfinishedRows | None:
    """The rows of a system; `None` where it cannot be told when the system is gone, as of a class with slots.

    Args:
        system: computes them.
        key: names everything else that decides them.
    """
    own_key = (id(system), key)
    try:
        if own_key not in _batches:
            # Another object may get the same id when this one is gone.
            weakref.finalize(system, _batches.pop, own_key, None).atexit = False
    except TypeError:
        return None
    return UnfinishedRows(own_key)
