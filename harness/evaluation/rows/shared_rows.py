"""Embeddings that several protocols share in memory, of a system of which none are kept on the disk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from harness.audio import Array
from harness.evaluation.rows.kept_rows import Rest

_of_system: dict[int, dict[str, Array]] = {}


class SharedRows:
    """A matrix that is computed once while its system is inside `sharing`."""

    def __init__(self, rows: dict[str, Array], key: str) -> None:
        """Get them by `shared_rows`."""
        self._rows, self._key = rows, key

    def complete(self, count: int, rest: Rest[np.float32], advance: Callable[[int], object]) -> Array:
        """All rows, after computing them if they are not there; the arguments are those of `KeptRows.complete`."""
        if self._key in self._rows:
            advance(count)
            return self._rows[self._key]
        nothing: Array = np.zeros((0, 0), np.float32)
        batches = []
        for batch in rest(nothing):
            batches.append(batch.astype(np.float32, copy=False))
            advance(len(batch))
        self._rows[self._key] = np.concatenate(batches or [nothing])
        return self._rows[self._key]


@contextmanager
def sharing(system: object) -> Iterator[None]:
    """Keep the embeddings of this very object in memory until the end of the block."""
    _of_system[id(system)] = {}
    try:
        yield
    finally:
        del _of_system[id(system)]


def shared_rows(system: object, key: str) -> SharedRows | None:
    """Rows of a system; `None` outside `sharing`. `key` names everything else that decides them."""
    rows = _of_system.get(id(system))
    return None if rows is None else SharedRows(rows, key)
