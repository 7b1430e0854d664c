import errno
import json
import logging
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import numpy as np
import pytest
import soundfile

import harness
from harness.audio import store as store_module
from harness.audio.clip import Clip
from harness.audio.decoding import decode
from harness.audio.store import PcmStore
from harness.errors import UserError

RATE = 16_000
INDEX, SAMPLES = f"{RATE}hz.index", f"{RATE}hz-0000.int16"
ENTRY = 88


def write(path: Path, seed: int, seconds: float = 0.1, rate: int = RATE) -> Clip:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.9, 0.9, round(rate * seconds)), rate, subtype="PCM_16")
    return Clip(path.name, path)


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    return [write(tmp_path / "audio" / f"{seed}.wav", seed, 0.05 + 0.01 * seed) for seed in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def assert_holds(store: PcmStore, clips: list[Clip]) -> None:
    for clip in clips:
        expected, _ = soundfile.read(clip.path, dtype="int16")
        samples = store.read(clip)
        assert samples.dtype == np.float32
        np.testing.assert_array_equal(samples, expected / 32768)
        assert store.length(clip) == len(expected)


def assert_holds_later(folder: Path, clips: list[Clip]) -> None:
    store = PcmStore(folder, RATE)
    steps: list[int] = []
    assert store.ensure(clips, progress=lambda stage, total: steps.append) == []
    assert steps == [len(clips)]
    assert_holds(store, clips)


def entries_in(folder: Path) -> int:
    index = folder / INDEX
    return index.stat().st_size // ENTRY if index.exists() else 0


def in_process(folder: Path, audio: Path) -> subprocess.Popen[bytes]:
    """Another process that ensures every clip in `audio`."""
    program = (
        "import sys; from pathlib import Path; from harness.audio.store import PcmStore;"
        "from harness.audio.clip import Clip;"
        "clips = [Clip(p.name, p) for p in sorted(Path(sys.argv[2]).iterdir())];"
        f"sys.exit(len(PcmStore(Path(sys.argv[1]), {RATE}).ensure(clips)))"
    )
    root = Path(harness.__file__).parents[1]
    return subprocess.Popen([sys.executable, "-c", program, str(folder), str(audio)], cwd=root)


def test_reads_back_what_was_decoded_now_and_later(folder: Path, clips: list[Clip]) -> None:
    store = PcmStore(folder, RATE)
    assert store.ensure(clips) == []
    assert_holds(store, clips)
    again = PcmStore(folder, RATE)
    assert again.ensure(clips[::-1]) == []
    assert_holds(again, clips)
    assert again.digest(clips) == store.digest(clips) != store.digest(clips[::-1])


def test_samples_pass_16_bits_the_first_time_too(folder: Path, tmp_path: Path) -> None:
    clip = write(tmp_path / "float.wav", 0, rate=44_100)
    store = PcmStore(folder, RATE)
    store.ensure([clip])
    first = store.read(clip)
    np.testing.assert_array_equal(first * 32768, np.rint(first * 32768))
    np.testing.assert_allclose(first, decode(clip.path, RATE), atol=0.51 / 32768)
    later = PcmStore(folder, RATE)
    later.ensure([clip])
    np.testing.assert_array_equal(later.read(clip), first)


def test_full_scale_stays_in_range(folder: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.array([1.5, -1.5, 1.0, -1.0]), RATE, subtype="FLOAT")
    clip = Clip("loud.wav", tmp_path / "loud.wav")
    store = PcmStore(folder, RATE)
    store.ensure([clip])
    np.testing.assert_array_equal(store.read(clip), np.array([32767, -32768, 32767, -32768]) / 32768)


def test_what_is_there_is_not_decoded_again(folder: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    PcmStore(folder, RATE).ensure(clips)
    monkeypatch.setattr("harness.audio.rounding.recording_file", lambda *_: pytest.fail("decoded again"))
    assert PcmStore(folder, RATE).ensure(clips) == []


def test_a_file_replaced_with_its_times_set_back_is_decoded_anew(folder: Path, clips: list[Clip]) -> None:
    before = PcmStore(folder, RATE)
    before.ensure(clips)
    path = clips[0].path
    status = path.stat()
    samples, rate = soundfile.read(path)
    soundfile.write(path, -samples, rate)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    after = PcmStore(folder, RATE)
    after.ensure(clips)
    assert after.digest(clips) != before.digest(clips)
    assert after.files_digest(clips) != before.files_digest(clips)


def test_the_files_digest_does_not_depend_on_the_rate(folder: Path, clips: list[Clip]) -> None:
    stores = [PcmStore(folder, rate) for rate in (16_000, 32_000)]
    for store in stores:
        assert store.ensure(clips) == []
    assert stores[0].files_digest(clips) == stores[1].files_digest(clips)
    assert stores[0].digest(clips) != stores[1].digest(clips)


def test_a_changed_file_is_decoded_anew(folder: Path, clips: list[Clip]) -> None:
    store = PcmStore(folder, RATE)
    store.ensure(clips)
    before = store.digest(clips)
    write(clips[2].path, seed=99, seconds=0.07)
    store.ensure(clips)
    assert_holds(store, clips)
    assert store.digest(clips) != before


def test_rates_do_not_meet(folder: Path, clips: list[Clip]) -> None:
    low, high = PcmStore(folder, 8_000), PcmStore(folder, RATE)
    low.ensure(clips)
    high.ensure(clips)
    assert_holds(high, clips)
    assert low.length(clips[0]) == high.length(clips[0]) // 2


def test_broken_clips_are_all_named_and_the_rest_is_kept(folder: Path, clips: list[Clip]) -> None:
    clips[1].path.unlink()
    clips[4].path.write_bytes(b"no audio")
    steps: list[int] = []
    store = PcmStore(folder, RATE)
    broken = store.ensure(clips, progress=lambda stage, total: steps.append)
    assert [clip for clip, _ in broken] == [clips[1], clips[4]]
    assert [clips[i].name in str(error) for i, (_, error) in zip((1, 4), broken, strict=True)] == [True, True]
    assert sum(steps) == len(clips)
    assert_holds(store, [clips[i] for i in (0, 2, 3, 5)])
    with pytest.raises(KeyError):
        store.read(clips[4])


def test_one_path_twice_is_stored_once(folder: Path, clips: list[Clip]) -> None:
    steps: list[int] = []
    store = PcmStore(folder, RATE)
    store.ensure([clips[0], clips[0], clips[1]], progress=lambda stage, total: steps.append)
    assert sum(steps) == 3
    assert entries_in(folder) == 2


@pytest.mark.parametrize("cut", range(1, ENTRY + 1, 7))
def test_an_index_torn_anywhere_loses_only_the_torn_clip(folder: Path, clips: list[Clip], cut: int) -> None:
    PcmStore(folder, RATE).ensure(clips[:3])
    index = folder / INDEX
    index.write_bytes(index.read_bytes()[:-cut])
    steps: list[int] = []
    store = PcmStore(folder, RATE)
    store.ensure(clips, progress=lambda stage, total: steps.append)
    assert steps == [2, 0, 1, 1, 1, 1]
    assert_holds(store, clips)
    again = PcmStore(folder, RATE)
    steps.clear()
    again.ensure(clips, progress=lambda stage, total: steps.append)
    assert steps == [6]
    assert_holds(again, clips)


@pytest.mark.parametrize("left", ["nothing", "1", "half a clip", "all but one"])
def test_samples_torn_anywhere_are_decoded_again(folder: Path, clips: list[Clip], left: str) -> None:
    PcmStore(folder, RATE).ensure(clips)
    samples = folder / SAMPLES
    size = samples.stat().st_size
    os.truncate(samples, {"nothing": 0, "1": 1, "half a clip": size - 2_500, "all but one": size - 1}[left])
    store = PcmStore(folder, RATE)
    store.ensure(clips[:1])
    store.ensure(clips)
    assert_holds(store, clips)


def test_what_a_killed_process_left_of_samples_is_never_read(folder: Path, clips: list[Clip]) -> None:
    PcmStore(folder, RATE).ensure(clips[:2])
    with (folder / SAMPLES).open("ab") as samples:
        samples.write(b"half a clip")
    store = PcmStore(folder, RATE)
    store.ensure(clips)
    assert_holds(store, clips)


@pytest.mark.parametrize("lost", [INDEX, SAMPLES])
def test_a_file_that_was_deleted_is_made_again(folder: Path, clips: list[Clip], lost: str) -> None:
    PcmStore(folder, RATE).ensure(clips)
    (folder / lost).unlink()
    store = PcmStore(folder, RATE)
    assert store.ensure(clips) == []
    assert_holds(store, clips)


def test_what_the_version_before_kept_is_not_mistaken(folder: Path, clips: list[Clip]) -> None:
    folder.mkdir()
    (folder / f"{RATE}hz.int16").write_bytes(bytes(10_000))
    entry = {"path": str(clips[0].path), "size": 1, "mtime_ns": 1, "ctime_ns": 1, "length": 5_000, "xxh128": "0" * 32}
    (folder / f"{RATE}hz.jsonl").write_text(json.dumps(entry) + "\n")
    store = PcmStore(folder, RATE)
    store.ensure(clips)
    assert_holds(store, clips)


def test_kill_loses_nothing_done(folder: Path, tmp_path: Path) -> None:
    audio = tmp_path / "many"
    clips = sorted((write(audio / f"{i:03}.wav", i, 2, 44_100) for i in range(60)), key=lambda clip: clip.name)
    process = in_process(folder, audio)
    while process.poll() is None and entries_in(folder) < 5:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = entries_in(folder)
    steps: list[int] = []
    store = PcmStore(folder, RATE)
    store.ensure(clips, progress=lambda stage, total: steps.append)
    assert steps[0] == done >= 5
    undisturbed = PcmStore(tmp_path / "other", RATE)
    undisturbed.ensure(clips)
    assert store.digest(clips) == undisturbed.digest(clips)
    np.testing.assert_array_equal(store.read(clips[-1]), undisturbed.read(clips[-1]))


def test_two_processes_at_once_decode_each_clip_once(folder: Path, clips: list[Clip]) -> None:
    processes = [in_process(folder, clips[0].path.parent) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert entries_in(folder) == len(clips)
    store = PcmStore(folder, RATE)
    store.ensure(clips)
    assert_holds(store, clips)


def test_waiting_for_another_process_is_said(folder: Path, clips: list[Clip], caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir()
    store = PcmStore(folder, RATE)
    with filelock.FileLock(folder / f"{RATE}hz.lock"), caplog.at_level(logging.WARNING):
        waiting = threading.Thread(target=store.ensure, args=(clips,))
        waiting.start()
        deadline = time.monotonic() + 30
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not (folder / SAMPLES).exists()
    waiting.join(30)
    assert str(folder) in caplog.messages[0]
    assert_holds(store, clips)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system itself refuses to write beyond `size` bytes, as on a full disk: in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 1, 5_000, 7_001])
def test_a_full_disk_leaves_a_valid_store(folder: Path, clips: list[Clip], room: int) -> None:
    store = PcmStore(folder, RATE)
    store.ensure(clips[:2])
    samples = folder / SAMPLES
    before = samples.read_bytes()
    with largest_file(len(before) + room), pytest.raises(UserError, match="LBAR_CACHE") as caught:
        store.ensure(clips)
    assert str(folder) in str(caught.value)
    assert samples.read_bytes()[: len(before)] == before
    assert_holds(store, clips[:2])
    assert PcmStore(folder, RATE).ensure(clips[:2]) == []
    store.ensure(clips)
    assert_holds(store, clips)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may write there, the superuser (whom permissions do not bind) included."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.parents)}
    closed = {path: mode for path, mode in modes.items() if path == folder or mode & 0o005 != 0o005}
    for path, mode in closed.items():
        path.chmod(0o555 if path == folder else mode | 0o555)
    if superuser := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)
        for path, mode in closed.items():
            path.chmod(mode)


def test_a_read_only_store_reads_what_it_has_and_names_what_it_lacks(folder: Path, clips: list[Clip]) -> None:
    PcmStore(folder, RATE).ensure(clips[:4])
    with read_only(folder):
        store = PcmStore(folder, RATE)
        assert store.ensure(clips[:4]) == []
        assert_holds(store, clips[:4])
        with pytest.raises(UserError, match="LBAR_CACHE") as caught:
            store.ensure(clips)
    assert str(folder) in str(caught.value)


def test_a_file_where_the_folder_should_be(tmp_path: Path, clips: list[Clip]) -> None:
    (tmp_path / "store").touch()
    with pytest.raises(UserError, match="LBAR_CACHE"):
        PcmStore(tmp_path / "store", RATE).ensure(clips)


def test_few_clips_are_in_memory_at_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.audio.rounding.usable_cores", lambda: 2)
    clips = [write(tmp_path / "audio" / f"{i}.wav", i, 10) for i in range(40)]
    store = PcmStore(folder, RATE)
    tracemalloc.start()
    store.ensure(clips)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one = 10 * RATE * (2 + 4 + 4)
    assert peak < 10 * one < 40 * 10 * RATE * 4


def test_a_second_writer_reads_the_index_again_and_leaves_the_first_ones_samples(
    folder: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = PcmStore(folder, RATE), PcmStore(folder, RATE)
    waiting = store_module.exclusive

    @contextmanager
    def overtaken(*arguments: str) -> Iterator[None]:
        """The first one writes after the second has looked, and before the second has the lock."""
        monkeypatch.setattr(store_module, "exclusive", waiting)
        first.ensure(clips[:4])
        with waiting(*arguments):
            yield

    monkeypatch.setattr(store_module, "exclusive", overtaken)
    steps: list[int] = []
    second.ensure(clips, progress=lambda stage, total: steps.append)
    assert steps == [0, 4, 1, 1]
    for store in (first, second, PcmStore(folder, RATE)):
        store.ensure(clips)
        assert_holds(store, clips)
    assert entries_in(folder) == len(clips)


def test_a_full_disk_at_the_index_leaves_a_valid_store(
    folder: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PcmStore(folder, RATE)
    store.ensure(clips[:2])

    def full(target: Path, data: bytes, unit: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("harness.audio.clip_index.append", full)
        with pytest.raises(UserError, match="No space left on device"):
            store.ensure(clips)
    assert_holds(store, clips[:2])
    store.ensure(clips)
    assert_holds(store, clips)
    assert_holds_later(folder, clips)


def test_no_file_is_larger_than_the_limit(folder: Path, clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.audio.sample_files.FILE_SIZE", 4_000)
    PcmStore(folder, RATE).ensure(clips[:2])
    store = PcmStore(folder, RATE)
    store.ensure(clips)
    sizes = [path.stat().st_size for path in sorted(folder.glob("*.int16"))]
    # 800, 960, 1,120, 1,280, 1,440 and 1,600 samples of two bytes, each clip with a check of eight.
    assert sizes == [1_608 + 1_928, 2_248, 2_568, 2_888, 3_208]
    assert_holds(store, clips)
    assert_holds_later(folder, clips)


def test_a_store_goes_to_another_process(folder: Path, clips: list[Clip]) -> None:
    store = PcmStore(folder, RATE)
    store.ensure(clips)
    assert_holds(pickle.loads(pickle.dumps(store)), clips)


@pytest.mark.parametrize(("start", "most"), [(0, 0), (0, 5), (7, 5), (7, None), (799, 5), (800, None), (5_000, 3)])
def test_a_part_of_a_clip(folder: Path, clips: list[Clip], start: int, most: int | None) -> None:
    store = PcmStore(folder, RATE)
    store.ensure(clips)
    expected = store.read(clips[0])[start:][:most]
    np.testing.assert_array_equal(store.read(clips[0], start, most), expected)


def test_what_was_not_asked_for_is_not_read(folder: Path, clips: list[Clip]) -> None:
    store = PcmStore(folder, RATE)
    with pytest.raises(KeyError):
        store.length(clips[0])
    store.ensure(clips[:2])
    assert_holds(store, clips[:2])
    for clip in clips[2:]:
        with pytest.raises(KeyError):
            store.digest([clips[0], clip])
