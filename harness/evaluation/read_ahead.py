"""Read the next batch while this one is computed, where a core is idle."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from time import perf_counter, process_time, thread_time
from typing import Generic, TypeVar

from harness.machine import is_metered, stage, usable_cores

Item = TypeVar("Item")

_IDLE = 0.5
"""Number of cores; where fewer are idle while a batch is computed, a reading thread would slow it down."""
_MOST_READERS = 4
"""Threads; one reads some 2,000 clips of 30 s a second, which is less than a fast GPU encodes."""


class ReadAhead(Generic[Item]):
    """Hands out items batch by batch, and meanwhile reads as many again in threads of its own, one for each idle core.

    That saves time where an accelerator computes, or one core of several. Where every core computes it costs time: a
    library's threads wait for each other while one of them reads. So it is done only where cores are idle between two
    batches.

    The threads run only while there is something to read; an error in reading is raised where the batch is taken.
    """

    def __init__(self, read: Callable[[int], Item], count: int) -> None:
        """`read` gives item `i` of `count`."""
        self._read = read
        self._count = count
        self._ahead: tuple[int, int, list[Future[tuple[list[Item], float]]]] | None = None
        self._handed_out: tuple[float, float] | None = None
        self._readers = 0

    def take(self, start: int, stop: int) -> list[Item]:
        """Items `start` to `stop`; those after them, as many, are read from now on."""
        if is_metered():
            # Reading in another thread would not be metered.
            return self._read_all(start, stop)[0]
        ready, self._ahead = self._ahead, None
        expected = ready is not None and ready[:2] == (start, stop)
        parts = [part.result() for part in ready[2]] if ready is not None and expected else []
        self._measure_idleness(sum(reading for _, reading in parts))
        items = [item for some, _ in parts or [self._read_all(start, stop)] for item in some]
        next_stop = min(2 * stop - start, self._count)
        if self._readers and next_stop > stop:
            self._begin(stop, next_stop)
        self._handed_out = perf_counter(), process_time()
        return items

    def _measure_idleness(self, reading: float) -> None:
        """Find out how many cores were idle since the last batch was handed out, the reading not counted."""
        if self._handed_out is not None:
            seconds, busy = perf_counter() - self._handed_out[0], process_time() - self._handed_out[1]
            idle = usable_cores() - (busy - reading) / seconds if seconds else 1.0
            self._readers = min(max(int(idle + _IDLE), 0), _MOST_READERS)

    def _begin(self, start: int, stop: int) -> None:
        readers = min(self._readers, stop - start)
        bounds = [start + (stop - start) * number // readers for number in range(readers + 1)]
        pool = ThreadPoolExecutor(readers)
        self._ahead = (start, stop, [pool.submit(self._read_all, *part) for part in pairwise(bounds)])
        # The threads end with their work.
        pool.shutdown(wait=False)

    def _read_all(self, start: int, stop: int) -> tuple[list[Item], float]:
        """The items, and the processor time that this took."""
        begun = thread_time()
        with stage("decode"):
            return [self._read(index) for index in range(start, stop)], thread_time() - begun
