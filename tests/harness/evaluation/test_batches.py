"""Embedding in batches: what is kept, what is done again, what is refused."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation.batches import EmbeddingJob, batches_of_stream, embed_in_batches
from harness.evaluation.rows.kept_rows import KeptRows


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


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def cut(path: Path, end: int) -> None:
    path.write_bytes(path.read_bytes()[:end])


@pytest.mark.parametrize(
    ("harm", "file", "place", "left"),
    [
        (cut, "rows.f32", -3, 90),
        (cut, "rows.f32", 0, 0),
        (flip, "rows.f32", 0, 0),
        (flip, "rows.f32", 8 * 35, 30),
        (flip, "rows.f32", -1, 90),
        (flip, "batches", 0, 0),
        (flip, "batches", 3, 0),
        (flip, "batches", 10, 0),
        (flip, "batches", 3 * 38 + 37, 30),
    ],
)
def test_what_is_damaged_is_found_said_and_embedded_again(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path, int], None],
    file: str,
    place: int,
    left: int,
) -> None:
    embed(Recorder(), batch_size=10, store=tmp_path)
    harm(tmp_path / file, place)
    again = Recorder()
    np.testing.assert_array_equal(embed(again, batch_size=10, store=tmp_path), expected())
    assert again.seen == list(range(left, 100))
    assert caplog.messages == [f"{tmp_path / 'rows.f32'} is damaged after row {left}; the rest is computed anew"]
    embed(again, batch_size=10, store=tmp_path)
    assert len(again.seen) == 100 - left


@pytest.mark.parametrize(("more", "cut_line"), [(b"", True), (b"half a row", True), (b"half a row", False)])
def test_what_a_killed_process_left_is_nothing_to_speak_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, more: bytes, cut_line: bool
) -> None:
    embed(Recorder(), batch_size=10, store=tmp_path)
    with (tmp_path / "rows.f32").open("ab") as rows:
        rows.write(more)
    if cut_line:
        cut(tmp_path / "batches", -5)
    again = Recorder()
    np.testing.assert_array_equal(embed(again, batch_size=10, store=tmp_path), expected())
    assert again.seen == (list(range(90, 100)) if cut_line else [])
    assert caplog.messages == []


@pytest.mark.parametrize("width", [1, 3])
def test_a_batch_of_another_width_ends_what_is_kept(tmp_path: Path, width: int) -> None:
    """Even if its checksum is right."""
    kept, other = KeptRows(tmp_path / "kept"), KeptRows(tmp_path / "other")
    kept.complete(4, lambda _: [np.ones((4, 2), np.float32)], int)
    other.complete(6, lambda _: [np.ones((6, width), np.float32)], int)
    for name in ("rows.f32", "batches"):
        with (kept.folder / name).open("ab") as file:
            file.write((other.folder / name).read_bytes())
    assert kept.read().shape == (4, 2)


def test_rows_of_an_earlier_version_which_have_no_checksums_are_computed_anew(tmp_path: Path) -> None:
    (tmp_path / "rows.f32").write_bytes(np.zeros((100, 2), np.float32).tobytes())
    (tmp_path / "dimension").write_text("2")
    np.testing.assert_array_equal(embed(Recorder(), store=tmp_path), expected())


def test_a_disk_that_gives_back_other_bytes_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = KeptRows._append

    def worn(self: KeptRows, rows: BinaryIO, batches: BinaryIO, batch: np.ndarray) -> None:
        append(self, rows, batches, batch)
        flip(tmp_path / "rows.f32", 5)

    monkeypatch.setattr(KeptRows, "_append", worn)
    with pytest.raises(UserError, match="does not give back what was just written there; check that disk"):
        embed(Recorder(), count=20, store=tmp_path)


@pytest.mark.parametrize("store", [True, False])
def test_progress_counts_what_was_kept_as_done(tmp_path: Path, store: bool) -> None:
    steps: list[object] = []

    def progress(stage: str, total: int) -> Callable[[int], None]:
        steps.append((stage, total))
        return steps.append

    kept = KeptRows(tmp_path) if store else None
    with pytest.raises(UserError, match="caught fire"):
        embed_in_batches(EmbeddingJob("recorder", "clip", 100, int, Recorder(fail_at=73), 10), kept, progress=progress)
    assert steps == [("recorder: clips", 100), *([0] if store else []), *[10] * 7]
    for done in ([70, 10, 10, 10], [100]) if store else ([10] * 10,):
        steps.clear()
        embed_in_batches(EmbeddingJob("recorder", "clip", 100, int, Recorder(), 10), kept, progress=progress)
        assert steps == [("recorder: clips", 100), *done]


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


def test_a_stream_is_embedded_to_its_end_in_batches_that_fit() -> None:
    sizes: list[int] = []

    def narrow(items: Sequence[int]) -> np.ndarray:
        sizes.append(len(items))
        if len(items) > 10:
            raise OutOfMemoryError("would not fit")
        return Recorder()(items)

    rows = np.concatenate([*batches_of_stream(iter(range(100)), "narrow", narrow)])
    np.testing.assert_array_equal(rows, expected())
    # What does not fit is tried once.
    assert sizes == [32, 16, *[8] * 12, 4]
    assert list(batches_of_stream(iter([]), "narrow", narrow)) == []


def test_an_item_of_a_stream_that_fails_is_counted_from_where_it_goes_on() -> None:
    with pytest.raises(UserError, match="recorder failed on clips 70 to 79 of 80"):
        list(batches_of_stream(iter(range(50, 100)), "recorder", Recorder(fail_at=73), 10, first=50))
    with pytest.raises(UserError, match="returned 2 numbers for clip 0 but 3"):
        list(batches_of_stream(iter(range(10)), "recorder", Recorder(), width=3))


def test_memory_that_does_not_hold_one_item_is_one_line() -> None:
    sizes: list[int] = []

    def none(items: Sequence[int]) -> np.ndarray:
        sizes.append(len(items))
        assert len(sizes) < 20, "tried without end"
        raise OutOfMemoryError("would not fit")

    with pytest.raises(UserError, match=r"narrow failed on clips 0 to 0 of 20: OutOfMemoryError.*; not one fits"):
        embed_in_batches(EmbeddingJob("narrow", "clip", 20, int, none))
    assert sizes == [20, 16, 8, 4, 2, 1]


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

    def full(self: KeptRows, rows: BinaryIO, batches: BinaryIO, batch: np.ndarray) -> None:
        if batch[0, 0] >= 50:
            rows.write(b"half a row")
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, rows, batches, batch)

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
