"""Embed a long sequence in batches, keeping what is done, so that an interrupted run goes on where it stopped."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.errors import UserError, one_line
from harness.evaluation.read_ahead import ReadAhead
from harness.interface import checked_embeddings
from harness.machine import Progress, exclusive, silent, stage

Item = TypeVar("Item")
Kind = TypeVar("Kind", bound=np.floating[Any])

FIRST_BATCH = 32
"""Batch size where the user names none; halved whenever the device runs out of memory."""


def embed_in_batches(
    read: Callable[[int], Item],
    count: int,
    embed: Callable[[Sequence[Item]], object],
    *,
    what: str,
    system: str,
    batch_size: int | None = None,
    store: Path | None = None,
    kind: type[Kind] = np.float32,  # type: ignore[assignment]
    progress: Progress = silent,
) -> NDArray[Kind]:
    """Embed `count` items in order.

    Args:
        read: gives item `i`.
        count: how many there are.
        embed: the system's method, from a list of items to `(n, d)`.
        what: "clip" or "caption", for messages.
        system: the system's name, for messages.
        batch_size: how many at once; `None` starts with `FIRST_BATCH` and halves when the device is out of memory.
        store: folder in which every finished batch is kept; a later call with the same folder goes on from there, and
            a second process at the same work waits for the first. `None` keeps nothing.
        kind: of the numbers that are kept and returned: float16 takes half the space.
        progress: opened for the whole; what is found in the store counts as done.

    Returns:
        Array of shape `(count, d)`; with a store it is a read-only memory map.

    Raises:
        UserError: the system fails, returns something other than finite `(n, d)` numbers, or the store cannot be
            written.
    """
    advance = progress(f"{system}: {what}s", count)
    if store is None:
        rows: list[NDArray[Kind]] = [np.zeros((0, 0), kind)]
        for batch in _batches(read, rows[0].shape, count, embed, what, system, batch_size):
            rows.append(batch.astype(kind, copy=False))
            advance(len(batch))
        return np.concatenate(rows[1:] or rows)

    finished = _finished(store, kind)
    if len(finished) < count:
        with exclusive(store / "lock", "embeddings"):
            finished = _finished(store, kind)
            advance(len(finished))
            with _rows_file(store, kind).open("ab") as file:
                file.truncate(finished.nbytes)
                for batch in _batches(read, finished.shape, count, embed, what, system, batch_size):
                    _append(store, file, batch.astype(kind, copy=False))
                    advance(len(batch))
        finished = _finished(store, kind)
    else:
        advance(count)
    return finished


def _batches(
    read: Callable[[int], Item],
    done: tuple[int, ...],
    count: int,
    embed: Callable[[Sequence[Item]], object],
    what: str,
    system: str,
    batch_size: int | None,
) -> Iterator[Array]:
    """Embed what comes after the rows that are done, of that shape."""
    size = batch_size or FIRST_BATCH
    start, dimension = done
    reader = ReadAhead(read, count)
    while start < count:
        stop = min(start + size, count)
        items = reader.take(start, stop)
        try:
            with stage("encode"):
                result = embed(items)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            if is_out_of_memory(error) and size > 1 and batch_size is None:
                size //= 2
                continue
            advice = "; try a smaller --batch-size" if is_out_of_memory(error) else ""
            raise UserError(
                f"{system} failed on {what}s {start} to {stop - 1} of {count}: {one_line(error)}{advice}"
            ) from error
        batch = checked_embeddings(result, len(items), what, system, start)
        if start and batch.shape[1] != dimension:
            raise UserError(
                f"{system} returned {batch.shape[1]} numbers for {what} {start} but {dimension} for the ones before"
            )
        dimension = batch.shape[1]
        yield batch
        start = stop


def _rows_file(store: Path, kind: type[np.floating[Any]]) -> Path:
    return store / f"rows.f{8 * np.dtype(kind).itemsize}"


def _finished(store: Path, kind: type[Kind]) -> NDArray[Kind]:
    """The whole rows on disk; a row torn by a kill is not among them."""
    rows = _rows_file(store, kind)
    try:
        dimension = int((store / "dimension").read_text())
        count = rows.stat().st_size // (np.dtype(kind).itemsize * dimension)
    except (FileNotFoundError, NotADirectoryError):
        return np.zeros((0, 0), kind)
    if count == 0:
        return np.zeros((0, dimension), kind)
    return np.memmap(rows, dtype=kind, mode="r", shape=(count, dimension))


def _append(store: Path, file: BinaryIO, batch: NDArray[np.floating[Any]]) -> None:
    if not (store / "dimension").exists():
        temporary = store / f"dimension.{os.getpid()}"
        temporary.write_text(str(batch.shape[1]))
        temporary.replace(store / "dimension")
    file.write(np.ascontiguousarray(batch).data)
    file.flush()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that main memory or the device has none left."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
