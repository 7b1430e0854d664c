"""Read the next batch while this one is computed."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from harness.cores import usable_cores
from harness.stages import is_metered, stage

Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """Hands out items batch by batch, and reads as many again meanwhile, in one thread of its own.

    The thread runs only while there is something to read, and an error in reading is raised where the batch is taken.
    """

    def __init__(self, read: Callable[[int], Item], count: int) -> None:
        """`read` gives item `i` of `count`."""
        self._read = read
        self._count = count
        self._ahead: tuple[int, int, Future[list[Item]]] | None = None

    def take(self, start: int, stop: int) -> list[Item]:
        """Items `start` to `stop`; those after them, as many, are read from now on."""
        if is_metered() or usable_cores() == 1:
            # A thread's work would be seen by nobody, or would only get in the way.
            return self._read_all(start, stop)
        ready, self._ahead = self._ahead, None
        expected = ready is not None and ready[:2] == (start, stop)
        items = ready[2].result() if ready is not None and expected else self._read_all(start, stop)
        next_stop = min(2 * stop - start, self._count)
        if next_stop > stop:
            self._begin(stop, next_stop)
        return items

    def _begin(self, start: int, stop: int) -> None:
        pool = ThreadPoolExecutor(1)
        self._ahead = (start, stop, pool.submit(self._read_all, start, stop))
        # The thread ends with its work.
        pool.shutdown(wait=False)

    def _read_all(self, start: int, stop: int) -> list[Item]:
        with stage("decode"):
            return [self._read(index) for index in range(start, stop)]
