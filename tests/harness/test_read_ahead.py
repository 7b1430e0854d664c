import threading

import pytest

from harness import read_ahead
from harness.read_ahead import ReadAhead
from harness.stages import StageMeter, metered


def test_batches_come_in_order_and_each_item_is_read_once():
    seen = []
    reader = ReadAhead(lambda index: seen.append(index) or index, 10)
    assert [reader.take(start, min(start + 4, 10)) for start in (0, 4, 8)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert sorted(seen) == list(range(10))


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(read_ahead, "usable_cores", lambda: 2)


def test_on_one_core_nothing_is_read_ahead(monkeypatch):
    monkeypatch.setattr(read_ahead, "usable_cores", lambda: 1)
    seen = []
    ReadAhead(seen.append, 4).take(0, 2)
    assert seen == [0, 1]


def test_the_next_batch_is_read_while_this_one_is_used():
    ahead = threading.Event()

    def read(index):
        if index == 2:
            ahead.set()
        return index

    ReadAhead(read, 4).take(0, 2)
    assert ahead.wait(10)


def test_another_batch_than_the_one_expected():
    reader = ReadAhead(int, 100)
    assert reader.take(0, 8) == list(range(8))
    # As after running out of memory: the same items again, in smaller batches.
    assert reader.take(0, 4) == [0, 1, 2, 3]
    assert reader.take(4, 8) == [4, 5, 6, 7]


def test_an_error_in_reading_is_raised_where_its_batch_is_taken():
    def read(index):
        if index == 3:
            raise OSError("gone")
        return index

    reader = ReadAhead(read, 6)
    assert reader.take(0, 2) == [0, 1]
    with pytest.raises(OSError, match="gone"):
        reader.take(2, 4)


def test_nothing_is_left_to_other_threads_while_somebody_meters():
    threads = []
    reader = ReadAhead(lambda index: threads.append(threading.current_thread()), 6)
    meter = StageMeter(lambda: 0)
    with metered(meter):
        reader.take(0, 2)
        reader.take(2, 4)
    assert set(threads) == {threading.current_thread()}
    assert list(meter.spent) == ["decode"]
