"""Embed a long sequence in batches."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.errors import UserError, one_line_and_place
from harness.evaluation.read_ahead import ReadAhead
from harness.evaluation.rows.kept_rows import Kind, Rest, Rows
from harness.interface import checked_embeddings
from harness.machine import Progress, silent, stage

Item = TypeVar("Item")

FIRST_BATCH = 32
"""Batch size where the user names none; halved whenever the device runs out of memory."""


@dataclass(frozen=True)
class EmbeddingJob(Generic[Item]):
    """What is embedded, and how.

    Attributes:
        system: the system's name, for messages.
        what: "clip" or "caption", for messages.
        count: number of items.
        read: gives item `i`, counted from 0.
        embed: the system's method, from a list of `n` items to numbers of shape `(n, d)`.
        batch_size: items at once; `None` starts with `FIRST_BATCH` and halves it when the device is out of memory.
    """

    system: str
    what: str
    count: int
    read: Callable[[int], Item]
    embed: Callable[[Sequence[Item]], object]
    batch_size: int | None = None

    def batches(self, done: NDArray[np.floating[Any]]) -> Iterator[Array]:
        """The embeddings of the items after the first `len(done)`, whose rows these are, batch by batch.

        Raises:
            UserError: the system fails, or returns something other than finite numbers `(n, d)` of the same `d`.
        """
        return self.between(len(done), self.count, done.shape[1])

    def between(self, start: int, stop: int, dimension: int = 0) -> Iterator[Array]:
        """The embeddings of the items from number `start` to before number `stop`, batch by batch.

        Args:
            start: the first item.
            stop: the one after the last.
            dimension: how many numbers each has to have; 0 where the first batch decides.

        Raises:
            UserError: as `batches`.
        """
        size = self.batch_size or FIRST_BATCH
        reader = ReadAhead(self.read, stop)
        while start < stop:
            items = reader.take(start, min(start + size, stop))
            try:
                with stage("encode"):
                    result = self.embed(items)
            except UserError:
                raise
            except (Exception, SystemExit) as error:
                if is_out_of_memory(error) and size > 1 and self.batch_size is None:
                    size //= 2
                    continue
                raise self._failure(error, start, start + len(items) - 1) from error
            batch = checked_embeddings(result, len(items), self.what, self.system, start)
            if dimension and batch.shape[1] != dimension:
                raise unequal_rows(self.system, f"{self.what} {start}", batch.shape[1], dimension)
            dimension = batch.shape[1]
            yield batch
            start += len(items)

    def _failure(self, error: BaseException, first: int, last: int) -> UserError:
        mend = "try a smaller --batch-size" if last > first else "not one fits; use a device with more memory"
        advice = f"; {mend}" if is_out_of_memory(error) else ""
        which = f"{self.what}s {first} to {last} of {self.count}"
        return UserError(f"{self.system} failed on {which}: {one_line_and_place(error)}{advice}")


def embed_in_batches(
    job: EmbeddingJob[Item],
    kept: Rows[Kind] | None = None,
    *,
    rest: Rest[Any] | None = None,
    progress: Progress = silent,
) -> NDArray[Kind]:
    """Embed all items, in order.

    Args:
        job: what is embedded, and how.
        kept: where every finished batch is kept, so that a later call goes on from there; `None` keeps nothing.
        rest: embeds what is not there yet, as `Workers.rest` does on others; by default the job's own `batches`.
        progress: opened for the whole; rows that were kept before count as done.

    Returns:
        Array of shape `(count, d)`, float32 or of the kind of `kept`; of `KeptRows` it is a read-only memory map.

    Raises:
        UserError: the system fails or returns something invalid, or the disk cannot be written.
    """
    advance = progress(f"{job.system}: {job.what}s", job.count)
    rest = rest or job.batches
    if kept is not None:
        return kept.complete(job.count, rest, advance)
    nothing: NDArray[Any] = np.zeros((0, 0), np.float32)
    rows = []
    for batch in rest(nothing):
        rows.append(batch.astype(np.float32, copy=False))
        advance(len(batch))
    return np.concatenate(rows or [nothing])


def batches_of_stream(
    items: Iterator[Item],
    system: str,
    embed: Callable[[Sequence[Item]], object],
    batch_size: int | None = None,
    first: int = 0,
    width: int = 0,
) -> Iterator[Array]:
    """The embeddings of clips that come one after the other, and of which nobody knows how many, batch by batch.

    Args:
        items: the clips; where a core is idle those of the next batch are taken in another thread.
        system: the system's name, for messages.
        embed: as of an `EmbeddingJob`.
        batch_size: as of an `EmbeddingJob`.
        first: the number of the first of them, for messages.
        width: how many numbers each embedding has to have; 0 where the first batch decides.

    Raises:
        UserError: as `EmbeddingJob.batches`.
    """
    size = batch_size or FIRST_BATCH
    reader = ReadAhead(lambda _: list(islice(items, size)), sys.maxsize)
    for number in count():
        batch = reader.take(number, number + 1)[0]
        if not batch:
            return
        held = dict(enumerate(batch, first))
        job = EmbeddingJob(system, "clip", first + len(batch), held.__getitem__, embed, batch_size)
        for rows in job.between(first, job.count, width):
            width = rows.shape[1]
            # More did not fit, or there were no more.
            size = min(size, len(rows))
            yield rows
        first = job.count


def unequal_rows(system: str, item: str, width: int, before: int) -> UserError:
    """The error for a system that returns rows of different widths."""
    return UserError(f"{system} returned {width} numbers for {item} but {before} for the ones before")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that main memory or the device's memory is full."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
