"""Read the next batch while this one is computed, where a core is idle."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter, process_time, thread_time
from typing import Generic, TypeVar

from harness.machine import is_metered, stage, usable_cores

Item = TypeVar("Item")

_IDLE = 0.5
"""Number of cores; where fewer are idle while a batch is computed, a reading thread would slow it down."""


class ReadAhead(Generic[Item]):
    """Hands out items batch by batch, and meanwhile reads as many again in a thread of its own.

    That saves time where an accelerator computes, or one core of several. Where every core computes it costs time: a
    library's threads wait for each other while one of them reads. So it is done only where cores are idle between two
    batches.

    The thread runs only while there is something to read; an error in reading is raised where the batch is taken.
    """

    def __init__(self, read: Callable[[int], Item], count: int) -> None:
        """`read` gives item `i` of `count`."""
        self._read = read
        self._count = count
        self._ahead: tuple[int, int, Future[tuple[list[Item], float]]] | None = None
        self._handed_out: tuple[float, float] | None = None
        self._idle = False

    def take(self, start: int, stop: int) -> list[Item]:
        """Items `start` to `stop`; those after them, as many, are read from now on."""
        if is_metered():
            # Reading in another thread would not be metered.
            return self._read_all(start, stop)[0]
        ready, self._ahead = self._ahead, None
        expected = ready is not None and ready[:2] == (start, stop)
        items, reading = ready[2].result() if ready is not None and expected else (None, 0.0)
        self._measure_idleness(reading)
        if items is None:
            items, _ = self._read_all(start, stop)
        next_stop = min(2 * stop - start, self._count)
        if self._idle and next_stop > stop:
            self._begin(stop, next_stop)
        self._handed_out = perf_counter(), process_time()
        return items

    def _measure_idleness(self, reading: float) -> None:
        """Find out whether a core was idle since the last batch was handed out, the reading not counted."""
        if self._handed_out is not None:
            seconds, busy = perf_counter() - self._handed_out[0], process_time() - self._handed_out[1]
            self._idle = busy - reading <= (usable_cores() - _IDLE) * seconds

    def _begin(self, start: int, stop: int) -> None:
        pool = ThreadPoolExecutor(1)
        self._ahead = (start, stop, pool.submit(self._read_all, start, stop))
        # The thread ends with its work.
        pool.shutdown(wait=False)

    def _read_all(self, start: int, stop: int) -> tuple[list[Item], float]:
        """The items, and the processor time that this took."""
        begun = thread_time()
        with stage("decode"):
            return [self._read(index) for index in range(start, stop)], thread_time() - begun
