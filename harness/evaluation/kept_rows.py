"""Rows of numbers, kept in a folder as they are computed: what is interrupted continues where it stopped."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.machine import exclusive

Kind = TypeVar("Kind", bound=np.floating[Any])


class KeptRows(Generic[Kind]):
    """A matrix on the disk that grows batch by batch."""

    def __init__(self, folder: Path, kind: type[Kind] = np.float32) -> None:  # type: ignore[assignment]
        """Say where the rows are kept.

        Args:
            folder: holds these rows and nothing else; made where it does not exist.
            kind: type of the numbers: float16 takes half the space.
        """
        self.folder = folder
        self.kind = kind
        self._file = folder / f"rows.f{8 * np.dtype(kind).itemsize}"
        self._dimension = folder / "dimension"

    def read(self) -> NDArray[Kind]:
        """All whole rows, shape `(rows, d)`, as a read-only memory map; a row that was cut short is left out."""
        try:
            dimension = int(self._dimension.read_text())
            count = self._file.stat().st_size // (np.dtype(self.kind).itemsize * dimension)
        except (FileNotFoundError, NotADirectoryError):
            return np.zeros((0, 0), self.kind)
        if count == 0:
            return np.zeros((0, dimension), self.kind)
        return np.memmap(self._file, dtype=self.kind, mode="r", shape=(count, dimension))

    def complete(
        self,
        count: int,
        rest: Callable[[NDArray[Kind]], Iterable[NDArray[np.floating[Any]]]],
        advance: Callable[[int], object],
    ) -> NDArray[Kind]:
        """All `count` rows, after computing those that are missing. A second process at the same work waits.

        Args:
            count: number of rows of the whole matrix.
            rest: from the rows that are kept to batches of those after them.
            advance: called with the number of rows that were found, and of each batch.

        Raises:
            UserError: the disk is full or the folder cannot be written; whole batches stay kept.
        """
        kept = self.read()
        if len(kept) >= count:
            advance(len(kept))
            return kept
        with exclusive(self.folder / "lock", "embeddings"):
            # Another process may have worked meanwhile.
            kept = self.read()
            advance(len(kept))
            with self._file.open("ab") as file:
                file.truncate(kept.nbytes)
                for batch in rest(kept):
                    self._append(file, batch.astype(self.kind, copy=False))
                    advance(len(batch))
        return self.read()

    def _append(self, file: BinaryIO, batch: NDArray[Kind]) -> None:
        if not self._dimension.exists():
            temporary = self.folder / f"dimension.{os.getpid()}"
            temporary.write_text(str(batch.shape[1]))
            temporary.replace(self._dimension)
        file.write(np.ascontiguousarray(batch).data)
        file.flush()
