"""Rows of numbers, kept in a folder as they are computed: what is interrupted continues where it stopped."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.machine import exclusive

Kind = TypeVar("Kind", bound=np.floating[Any])
KindOut = TypeVar("KindOut", bound=np.floating[Any], covariant=True)
Rest = Callable[[NDArray[Kind]], Iterable[NDArray[np.floating[Any]]]]
"""From the rows that are there already to batches of those after them."""

_log = logging.getLogger(__name__)


class Rows(Protocol[KindOut]):
    """A matrix that is completed from what there is of it already; see `KeptRows`."""

    def complete(self, count: int, rest: Rest[KindOut], advance: Callable[[int], object]) -> NDArray[KindOut]:
        """All `count` rows, after computing those that are missing."""
        ...


class KeptRows(Generic[Kind]):
    """A matrix on the disk that grows batch by batch.

    The file `batches` has a line per batch, written after its rows: how many rows, how many columns, and a checksum of
    both and of the rows. Whenever rows are read they are compared with it, and used up to the first batch that is cut
    short or damaged. The rest is computed anew.
    """

    def __init__(self, folder: Path, kind: type[Kind] = np.float32) -> None:  # type: ignore[assignment]
        """Say where the rows are kept.

        Args:
            folder: holds these rows and nothing else; made where it does not exist.
            kind: type of the numbers: float16 takes half the space.
        """
        self.folder = folder
        self.kind = kind
        self._rows = folder / f"rows.f{8 * np.dtype(kind).itemsize}"
        self._batches = folder / "batches"

    def read(self) -> NDArray[Kind]:
        """All rows of undamaged batches, shape `(rows, d)`, as a read-only memory map."""
        return self._read()[0]

    def complete(self, count: int, rest: Rest[Kind], advance: Callable[[int], object]) -> NDArray[Kind]:
        """All `count` rows, after computing those that are missing. A second process at the same work waits.

        Args:
            count: number of rows of the whole matrix.
            rest: from the rows that are kept to batches of those after them.
            advance: called with the number of rows that were found, and of each batch.

        Raises:
            UserError: the disk is full, the folder cannot be written, or the disk gives back other bytes than were
                written; whole batches stay kept.
        """
        kept = self.read()
        if len(kept) >= count:
            advance(len(kept))
            return kept
        return self.extend(rest, advance)

    def extend(self, rest: Rest[Kind], advance: Callable[[int], object]) -> NDArray[Kind]:
        """All rows, after those that `rest` adds to the kept ones; for the rest see `complete`."""
        with exclusive(self.folder / "lock", "embeddings"):
            # Another process may have worked meanwhile.
            kept, lines, damaged = self._read()
            if damaged:
                _log.warning("%s is damaged after row %d; the rest is computed anew", self._rows, len(kept))
            count = len(kept)
            advance(count)
            with self._rows.open("ab") as rows, self._batches.open("ab") as batches:
                rows.truncate(kept.nbytes)
                batches.truncate(lines)
                for batch in rest(kept):
                    self._append(rows, batches, batch.astype(self.kind, copy=False))
                    count += len(batch)
                    advance(len(batch))
        kept = self.read()
        if len(kept) < count:
            raise UserError(
                f"{self.folder} does not give back what was just written there; check that disk, or set LBAR_CACHE to "
                "a folder on another one"
            )
        return kept

    def _append(self, rows: BinaryIO, batches: BinaryIO, batch: NDArray[Kind]) -> None:
        batch = np.ascontiguousarray(batch)
        rows.write(batch.data)
        rows.flush()
        batches.write(_line(batch))
        batches.flush()

    def _read(self) -> tuple[NDArray[Kind], int, bool]:
        """The rows of undamaged batches, the length of their lines, and whether something after these is damaged."""
        lines = self._lines()
        numbers = self._numbers()
        width = end = length = 0
        for line in lines:
            batch = _batch_of(line, numbers[end:])
            if batch is None or batch.shape[1] != (width or batch.shape[1]):
                # A line that is cut was being written when its process ended.
                return self._matrix(numbers[:end], width), length, line.endswith(b"\n")
            width, end, length = batch.shape[1], end + batch.size, length + len(line)
        return self._matrix(numbers[:end], width), length, False

    def _lines(self) -> list[bytes]:
        try:
            return self._batches.read_bytes().splitlines(keepends=True)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _numbers(self) -> NDArray[Kind]:
        try:
            count = self._rows.stat().st_size // np.dtype(self.kind).itemsize
        except (FileNotFoundError, NotADirectoryError):
            count = 0
        # An empty file cannot be mapped.
        return np.memmap(self._rows, self.kind, "r", shape=count) if count else np.zeros(0, self.kind)

    def _matrix(self, numbers: NDArray[Kind], width: int) -> NDArray[Kind]:
        return numbers.reshape(-1, width) if width else np.zeros((0, 0), self.kind)


def _batch_of(line: bytes, numbers: NDArray[Kind]) -> NDArray[Kind] | None:
    """The batch that a line is of, at the beginning of the numbers; `None` where it is not as it was written."""
    try:
        rows, columns = map(int, line.split()[:2])
        batch = numbers[: rows * columns].reshape(rows, columns)
    except (ValueError, OverflowError):
        return None
    return batch if batch.size and _line(batch) == line else None


def _line(batch: NDArray[Any]) -> bytes:
    import xxhash

    shape = f"{len(batch)} {batch.shape[1]} ".encode()
    checksum = xxhash.xxh3_128(shape)
    checksum.update(batch.data)
    return shape + checksum.hexdigest().encode() + b"\n"
