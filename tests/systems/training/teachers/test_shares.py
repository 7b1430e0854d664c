"""Vectors made by several processes are made once, and are those of one."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import get_ident

import numpy as np
import pytest

from harness.evaluation.batches import EmbeddingJob, embed_in_batches
from harness.evaluation.rows.kept_rows import KeptRows
from systems.training.teachers.shares import forget_shares, in_shares


class Recorder:
    """Embeds an item as its number and its place in the batch, and remembers who did it."""

    def __init__(self) -> None:
        self.by: dict[int, set[int]] = {}
        self.seen: list[int] = []

    def __call__(self, items: Sequence[int]) -> np.ndarray:
        time.sleep(0.01)
        self.seen += items
        self.by.setdefault(get_ident(), set()).update(items)
        return np.array([(item, place) for place, item in enumerate(items)], np.float32)


def made(folder: Path, embed: Recorder, rank: int, ranks: int, count: int) -> np.ndarray:
    kept = KeptRows(folder, np.float16)
    job = EmbeddingJob("system", "clip", count, int, embed, batch_size=8)
    rest = in_shares(kept, job, rank, ranks, lambda rows: rows)
    rows = embed_in_batches(job, kept, rest=rest)
    forget_shares(kept, rank, ranks)
    return np.array(rows)


@pytest.mark.parametrize("count", [200, 203, 9, 1])
def test_each_process_makes_a_share(tmp_path: Path, count: int) -> None:
    embed = Recorder()
    alone = embed_in_batches(EmbeddingJob("system", "clip", count, int, Recorder(), batch_size=8))
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda rank: made(tmp_path, embed, rank, 3, count), range(3)))
    for rows in found:
        np.testing.assert_array_equal(rows, alone)
    assert sorted(embed.seen) == list(range(count))
    if count >= 200:
        assert len(embed.by) == 3
    # What only the processes needed among themselves is gone.
    assert not list(tmp_path.glob("shares-*"))


def test_a_process_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    embed = Recorder()
    rows = made(tmp_path, embed, 1, 3, 100)
    assert rows[:, 0].tolist() == list(range(100))
    assert sorted(embed.seen) == list(range(100))
    # The others find it.
    np.testing.assert_array_equal(made(tmp_path, embed, 0, 3, 100), rows)
    assert len(embed.seen) == 100


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    class Interrupted(Recorder):
        def __call__(self, items: Sequence[int]) -> np.ndarray:
            if len(self.seen) >= 24:
                raise KeyboardInterrupt
            return super().__call__(items)

    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, Interrupted(), 0, 2, 100)
    embed = Recorder()
    assert made(tmp_path, embed, 0, 2, 100)[:, 0].tolist() == list(range(100))
    assert len(embed.seen) == 76
