"""Embedding in batches: what is kept, what is done again, what is refused."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation.batches import EmbeddingJob, embed_in_batches
from harness.evaluation.kept_rows import KeptRows


class Recorder:
    """Embeds an integer as (i, i²) and remembers what it was asked."""

    def __init__(self, fail_at: int | None = None, error: Exception | None = None) -> None:
        self.seen: list[int] = []
        self.fail_at = fail_at
        self.error = error or RuntimeError("the device caught fire")

    def __call__(self, items: Sequence[int]) -> np.ndarray:
        if self.fail_at is not None and self.fail_at in items:
            raise self.error
        self.seen.extend(items)
        return np.array([[item, item * item] for item in items], dtype=np.float32)


def embed(
    recorder: Recorder, count: int = 100, *, batch_size: int | None = None, store: Path | None = None
) -> np.ndarray:
    kept = KeptRows(store) if store else None
    return embed_in_batches(EmbeddingJob("recorder", "clip", count, int, recorder, batch_size), kept)


def expected(count: int = 100) -> np.ndarray:
    return np.array([[item, item * item] for item in range(count)], dtype=np.float32)


def test_order_and_values_with_and_without_a_store(tmp_path: Path) -> None:
    np.testing.assert_array_equal(embed(Recorder(), batch_size=7), expected())
    np.testing.assert_array_equal(embed(Recorder(), batch_size=7, store=tmp_path / "kept"), expected())


def test_a_second_call_embeds_nothing(tmp_path: Path) -> None:
    embed(Recorder(), store=tmp_path)
    again = Recorder()
    np.testing.assert_array_equal(embed(again, store=tmp_path), expected())
    assert again.seen == []


def test_a_failure_names_the_batch_and_a_later_call_goes_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"recorder failed on clips 70 to 79 of 100: RuntimeError: the device caught"):
        embed(Recorder(fail_at=73), batch_size=10, store=tmp_path)
    again = Recorder()
    np.testing.assert_array_equal(embed(again, batch_size=10, store=tmp_path), expected())
    assert again.seen == list(range(70, 100))


def test_a_torn_row_is_embedded_again(tmp_path: Path) -> None:
    embed(Recorder(), count=10, store=tmp_path)
    rows = tmp_path / "rows.f32"
    rows.write_bytes(rows.read_bytes()[:-3])
    again = Recorder()
    np.testing.assert_array_equal(embed(again, count=10, store=tmp_path), expected(10))
    assert again.seen == [9]


def _embed_until_killed(store: Path) -> None:
    def compute(items: Sequence[int]) -> np.ndarray:
        if 60 in items:
            os.kill(os.getpid(), signal.SIGKILL)
        return Recorder()(items)

    embed_in_batches(EmbeddingJob("recorder", "clip", 100, int, compute, 10), KeptRows(store))


def test_after_sigkill_only_the_rest_is_embedded(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_embed_until_killed, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    again = Recorder()
    np.testing.assert_array_equal(embed(again, batch_size=10, store=tmp_path), expected())
    assert again.seen == list(range(60, 100))


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    processes = [
        multiprocessing.get_context("fork").Process(target=embed, args=(Recorder(), 500), kwargs={"store": tmp_path})
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    np.testing.assert_array_equal(embed(Recorder(), 500, store=tmp_path), expected(500))


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


def test_out_of_memory_halves_an_automatic_batch() -> None:
    sizes: list[int] = []

    def narrow(items: Sequence[int]) -> np.ndarray:
        if len(items) > 5:
            raise OutOfMemoryError("would not fit")
        sizes.append(len(items))
        return np.ones((len(items), 2), np.float32)

    assert len(embed_in_batches(EmbeddingJob("narrow", "clip", 20, int, narrow))) == 20
    assert sizes == [4] * 5


def test_out_of_memory_with_a_chosen_batch_gives_advice() -> None:
    with pytest.raises(UserError, match="try a smaller --batch-size"):
        embed(Recorder(fail_at=0, error=OutOfMemoryError("would not fit")), batch_size=10)


def test_a_changing_dimension_is_refused() -> None:
    def growing(items: Sequence[int]) -> np.ndarray:
        return np.ones((len(items), 2 + items[0]), np.float32)

    with pytest.raises(UserError, match="returned 12 numbers for clip 10 but 2"):
        embed_in_batches(EmbeddingJob("growing", "clip", 20, int, growing, 10))


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = KeptRows._append

    def full(self: KeptRows, file: BinaryIO, batch: np.ndarray) -> None:
        if batch[0, 0] >= 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, file, batch)

    monkeypatch.setattr(KeptRows, "_append", full)
    with pytest.raises(UserError, match=r"cannot keep embeddings in .*No space left on device.*LBAR_CACHE"):
        embed(Recorder(), batch_size=10, store=tmp_path)
    monkeypatch.undo()
    again = Recorder()
    np.testing.assert_array_equal(embed(again, batch_size=10, store=tmp_path), expected())
    assert again.seen == list(range(50, 100))


def test_a_store_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot keep embeddings in"):
        embed(Recorder(), store=tmp_path / "file" / "store")
