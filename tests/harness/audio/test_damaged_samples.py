"""What is kept of clips is checked when it is read; what is damaged is said and decoded again."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.clip import Clip
from harness.audio.decoding import BrokenAudio
from harness.audio.sample_files import BLOCK
from harness.audio.store import PcmStore
from harness.errors import UserError

RATE = 16_000
LENGTHS = (500, BLOCK, 2 * BLOCK + 77, 900, 1, 40, 1_000, 2_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    random = np.random.default_rng(0)
    made = []
    for number, length in enumerate(LENGTHS):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, random.integers(-9_000, 9_000, length).astype(np.int16), RATE, subtype="PCM_16")
        made.append(Clip(path.name, path))
    return made


@pytest.fixture
def samples(folder: Path) -> Path:
    return folder / f"{RATE}hz-0000.int16"


def opened(folder: Path, clips: list[Clip]) -> PcmStore:
    store = PcmStore(folder, RATE)
    assert store.ensure(clips) == []
    return store


def flip(path: Path, at: int, bits: int = 0xFF) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= bits
    path.write_bytes(content)


def assert_right(store: PcmStore, clips: list[Clip]) -> None:
    for clip in clips:
        expected, _ = soundfile.read(clip.path, dtype="int16")
        np.testing.assert_array_equal(store.read(clip), expected / 32768)
        np.testing.assert_array_equal(store.read_pcm(clip), expected)


def test_a_flipped_byte_is_said_once_and_mended_for_good(
    folder: Path, clips: list[Clip], samples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    digest = opened(folder, clips).digest(clips)
    flip(samples, 300)
    store = opened(folder, clips)
    assert_right(store, clips)
    (line,) = caplog.messages
    assert line == f"what is kept of {clips[0].path} in {folder} is damaged (changed); it is decoded again"
    assert store.digest(clips) == digest
    caplog.clear()
    assert_right(opened(folder, clips), clips)
    assert not caplog.messages


def test_half_of_all_samples_flipped_gives_the_same_samples_and_few_lines(
    folder: Path, clips: list[Clip], samples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(folder, clips)
    content = np.frombuffer(samples.read_bytes(), np.uint8).copy()
    content[::2] ^= 0xFF
    samples.write_bytes(content.tobytes())
    assert_right(opened(folder, clips), clips)
    assert len(caplog.messages) == 6
    assert caplog.messages[-1] == f"more of what is kept in {folder} is damaged; it is decoded again as well"


def test_bytes_flipped_at_random_in_everything_kept_never_give_other_samples(folder: Path, clips: list[Clip]) -> None:
    opened(folder, clips)
    random = np.random.default_rng(1)
    before = opened(folder, clips)
    digests = before.digest(clips), before.files_digest(clips)
    for _ in range(60):
        paths = [path for path in folder.iterdir() if path.stat().st_size]
        path = paths[random.integers(len(paths))]
        flip(path, int(random.integers(path.stat().st_size)), 1 << int(random.integers(8)))
        store = opened(folder, clips)
        assert (store.digest(clips), store.files_digest(clips)) == digests
        assert_right(store, clips)


@pytest.mark.parametrize("block", [0, 1, 2])
def test_a_part_of_a_clip_is_checked_where_it_is_read(
    folder: Path, clips: list[Clip], samples: Path, block: int, caplog: pytest.LogCaptureFixture
) -> None:
    clip = clips[2]
    opened(folder, [clip])
    flip(samples, block * (8 + 2 * BLOCK) + 100)
    expected, _ = soundfile.read(clip.path, dtype="int16")
    store = opened(folder, [clip])
    for start, most in ((BLOCK, 10), (BLOCK - 5, 10), (2 * BLOCK, None), (0, BLOCK)):
        caplog.clear()
        part = store.read(clip, start, most)
        np.testing.assert_array_equal(part, expected[start:][:most] / 32768)
    assert_right(store, [clip])


def test_the_blocks_of_another_clip_are_not_taken_for_its_own(
    folder: Path, clips: list[Clip], samples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (clips[0].path, clips[1].path):
        soundfile.write(path, np.full(100, len(path.name), np.int16), RATE)
    soundfile.write(clips[1].path, np.full(100, 9, np.int16), RATE)
    opened(folder, clips[:2])
    content = samples.read_bytes()
    samples.write_bytes(content[208:] + content[:208])
    assert_right(opened(folder, clips[:2]), clips[:2])
    assert len(caplog.messages) == 2


def test_samples_that_vanish_while_they_are_used_are_decoded_again(
    folder: Path, clips: list[Clip], samples: Path
) -> None:
    store = opened(folder, clips)
    for file in folder.iterdir():
        file.unlink()
    assert_right(store, clips)
    assert_right(opened(folder, clips), clips)


def test_a_damaged_clip_in_a_store_that_cannot_be_written_is_right_all_the_same(
    folder: Path, clips: list[Clip], samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(folder, clips)
    flip(samples, 300)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    for place in ("clip_index", "sample_files"):
        monkeypatch.setattr(f"harness.audio.{place}.append", full)
    assert_right(opened(folder, clips), clips)


def replaced(path: Path) -> None:
    soundfile.write(path, np.full(500, 3, np.int16), RATE)


@pytest.mark.parametrize(("change", "error"), [(Path.unlink, BrokenAudio), (replaced, UserError)])
def test_a_damaged_clip_whose_file_is_no_longer_the_same_is_an_error(
    folder: Path, clips: list[Clip], samples: Path, change: Callable[[Path], None], error: type[UserError]
) -> None:
    opened(folder, clips)
    flip(samples, 300)
    store = opened(folder, clips)
    change(clips[0].path)
    with pytest.raises(error, match=str(clips[0].path)):
        store.read(clips[0])


@pytest.mark.parametrize("byte", [0, 9, 17, 25, 33, 50, 66, 70, 82])
def test_a_damaged_entry_of_the_index_is_decoded_again(
    folder: Path, clips: list[Clip], byte: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = opened(folder, clips)
    flip(folder / f"{RATE}hz.index", 88 * 3 + byte)
    store = opened(folder, clips)
    # With another key it is the entry of another file.
    said = f"what is kept in {folder} of 1 clips is damaged; it is decoded again"
    assert caplog.messages == ([said] if byte >= 16 else [])
    assert store.files_digest(clips) == before.files_digest(clips)
    assert_right(store, clips)
    caplog.clear()
    assert_right(opened(folder, clips), clips)
    assert not caplog.messages


def test_samples_that_were_cut_off_are_said_in_one_line(
    folder: Path, clips: list[Clip], samples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(folder, clips)
    samples.write_bytes(samples.read_bytes()[:-2_010])
    assert_right(opened(folder, clips), clips)
    assert caplog.messages == [f"what is kept in {folder} of 1 clips is damaged; it is decoded again"]


def test_an_index_of_zeros_holds_nothing(folder: Path, clips: list[Clip]) -> None:
    opened(folder, clips)
    index = folder / f"{RATE}hz.index"
    index.write_bytes(bytes(index.stat().st_size))
    assert_right(opened(folder, clips), clips)


def test_many_threads_read_a_damaged_clip(
    folder: Path, clips: list[Clip], samples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(folder, clips)
    flip(samples, 300)
    caplog.set_level(logging.ERROR)
    store = opened(folder, clips)
    expected = soundfile.read(clips[0].path, dtype="int16")[0] / 32768
    with ThreadPoolExecutor(4) as pool:
        for waveform in pool.map(store.read, [clips[0]] * 16):
            np.testing.assert_array_equal(waveform, expected)
    assert (folder / f"{RATE}hz.index").stat().st_size == 88 * (len(clips) + 1)


def test_any_beginnings_of_the_files_are_a_store(folder: Path, clips: list[Clip], samples: Path) -> None:
    """What a process or a machine leaves that stops at any moment, whichever file got further."""
    opened(folder, clips)
    index = folder / f"{RATE}hz.index"
    whole_index, whole_samples = index.read_bytes(), samples.read_bytes()
    random = np.random.default_rng(2)
    for _ in range(40):
        index.write_bytes(whole_index[: random.integers(len(whole_index) + 1)])
        samples.write_bytes(whole_samples[: random.integers(len(whole_samples) + 1)])
        assert_right(opened(folder, clips), clips)
        assert_right(opened(folder, clips), clips)
