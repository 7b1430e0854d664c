import threading

import pytest

from harness.evaluation import read_ahead
from harness.evaluation.read_ahead import ReadAhead
from harness.machine.stages import StageMeter, metered


def test_batches_come_in_order_and_each_item_is_read_once():
    seen = []
    reader = ReadAhead(lambda index: seen.append(index) or index, 10)
    assert [reader.take(start, min(start + 4, 10)) for start in (0, 4, 8)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert sorted(seen) == list(range(10))


class Clocks:
    """Time that passes only when told, on so many cores of two."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = self.busy = self.reading = 0.0
        monkeypatch.setattr(read_ahead, "usable_cores", lambda: 2)
        monkeypatch.setattr(read_ahead, "perf_counter", lambda: self.seconds)
        monkeypatch.setattr(read_ahead, "process_time", lambda: self.busy)
        monkeypatch.setattr(read_ahead, "thread_time", lambda: self.reading)

    def compute(self, seconds: float, cores: float) -> None:
        self.seconds += seconds
        self.busy += seconds * cores


@pytest.fixture(autouse=True)
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_the_next_batch_is_read_while_this_one_is_used_where_a_core_is_idle(clocks):
    ahead = threading.Event()

    def read(index):
        if index == 4:
            ahead.set()
        return index

    reader = ReadAhead(read, 6)
    reader.take(0, 2)
    clocks.compute(1, cores=1)
    reader.take(2, 4)
    assert ahead.wait(10)


def test_nothing_is_read_ahead_where_every_core_computes(clocks):
    seen = []
    reader = ReadAhead(seen.append, 8)
    for start in (0, 2, 4):
        reader.take(start, start + 2)
        assert len(seen) == start + 2
        clocks.compute(1, cores=1.9)


@pytest.mark.parametrize(("busy", "readers"), [(1.9, 0), (1.5, 1), (1.0, 1), (0.5, 2), (0.0, 2)])
def test_each_idle_core_reads_a_part(clocks, busy, readers):
    threads: dict[int, threading.Thread] = {}
    together = threading.Barrier(max(readers, 1))

    def read(index):
        threads[index] = threading.current_thread()
        if index >= 8 and readers:
            together.wait(10)  # Of each part the first item waits for those of the others.
        return index

    reader = ReadAhead(read, 8 + readers)
    reader.take(0, 4)
    clocks.compute(1, cores=busy)
    assert reader.take(4, 8) == [4, 5, 6, 7]
    if readers:
        assert reader.take(8, 8 + readers) == list(range(8, 8 + readers))
    assert len({threads[index] for index in range(8, 8 + readers)} - {threading.current_thread()}) == readers


def test_reading_itself_does_not_make_a_core_count_as_busy(clocks):
    threads = []

    def read(index):
        threads.append(threading.current_thread())
        clocks.reading += 0.4
        clocks.busy += 0.4

    reader = ReadAhead(read, 8)
    for start in (0, 2, 4, 6):
        reader.take(start, start + 2)
        clocks.compute(1, cores=1)
    # All but the first batch that is taken and the second, before which nothing was known.
    assert [thread is threading.current_thread() for thread in threads] == [True] * 4 + [False] * 4


def test_another_batch_than_the_one_expected():
    reader = ReadAhead(int, 100)
    assert reader.take(0, 8) == list(range(8))
    # As after running out of memory: the same items again, in smaller batches.
    assert reader.take(0, 4) == [0, 1, 2, 3]
    assert reader.take(4, 8) == [4, 5, 6, 7]


def test_an_error_in_reading_is_raised_where_its_batch_is_taken(clocks):
    def read(index):
        if index == 3:
            raise OSError("gone")
        return index

    reader = ReadAhead(read, 6)
    assert reader.take(0, 1) == [0]
    clocks.compute(1, cores=1)
    assert reader.take(1, 2) == [1]
    assert reader.take(2, 3) == [2]
    with pytest.raises(OSError, match="gone"):
        reader.take(3, 4)


def test_nothing_is_left_to_other_threads_while_somebody_meters():
    threads = []
    reader = ReadAhead(lambda index: threads.append(threading.current_thread()), 6)
    meter = StageMeter(lambda: 0)
    with metered(meter):
        reader.take(0, 2)
        reader.take(2, 4)
    assert set(threads) == {threading.current_thread()}
    assert list(meter.spent) == ["decode"]
