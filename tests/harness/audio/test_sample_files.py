from pathlib import Path

import numpy as np
import pytest

from harness.audio import sample_files
from harness.audio.sample_files import BLOCK, DamagedSamples, SampleFiles, stored_size

KEY = bytes(range(16))
LENGTHS = (1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK)


def samples(length: int) -> np.ndarray:
    return np.random.default_rng(length).integers(-9_000, 9_000, length).astype(np.int16)


@pytest.fixture
def files(tmp_path: Path) -> SampleFiles:
    return SampleFiles(tmp_path, 16_000)


def read(files: SampleFiles, place: int, length: int, start: int, stop: int, key: bytes = KEY) -> np.ndarray:
    pieces = [piece.copy() for piece in files.blocks(place, length, key, start, stop)]
    return np.concatenate([*pieces, np.zeros(0, np.int16)])


def test_any_part_is_read_back(files: SampleFiles) -> None:
    for length in LENGTHS:
        place, written = files.add(samples(length), KEY), samples(length)
        for start, stop in (
            (0, length),
            (length - 1, length),
            (length // 2, length),
            (0, 1),
            (length // 3, length // 2),
        ):
            np.testing.assert_array_equal(read(files, place, length, start, stop), written[start:stop])


def test_clips_lie_one_after_the_other(files: SampleFiles, tmp_path: Path) -> None:
    places = [files.add(samples(length), KEY) for length in LENGTHS]
    sizes = [stored_size(length) for length in LENGTHS]
    assert sizes == [10, 2 * BLOCK + 6, 2 * BLOCK + 8, 2 * BLOCK + 18, 6 * BLOCK + 24]
    assert places == np.cumsum([0, *sizes[:-1]]).tolist()
    assert (tmp_path / "16000hz-0000.int16").stat().st_size == sum(sizes)


def test_a_full_file_is_followed_by_another(files: SampleFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_files, "FILE_SIZE", 100)
    # 40 samples take 88 bytes, 2 take 12: together they fill a file. 60 are more than a file holds.
    places = [files.add(samples(length), KEY) for length in (40, 2, 40, 3, 60, 1)]
    assert places == [0, 88, 100, 200, 300, 188]
    assert read(files, 300, 60, 0, 60).tolist() == samples(60).tolist()


def test_places_beyond_the_end_hold_nothing(files: SampleFiles) -> None:
    files.add(samples(40), KEY)
    places = np.array([0, 0, 1, 10 * sample_files.FILE_SIZE], np.uint64)
    lengths = np.array([40, 41, 40, 1], np.uint64)
    assert files.hold(places, lengths).tolist() == [True, False, False, False]
    assert files.hold(places[:0], lengths[:0]).tolist() == []


def test_the_samples_of_another_clip_or_block_do_not_pass(files: SampleFiles, tmp_path: Path) -> None:
    place = files.add(samples(3 * BLOCK), KEY)
    with pytest.raises(DamagedSamples, match="changed"):
        read(files, place, 3 * BLOCK, 0, 1, bytes(16))
    path, size = tmp_path / "16000hz-0000.int16", stored_size(BLOCK)
    content = path.read_bytes()
    path.write_bytes(content[size : 2 * size] + content[:size] + content[2 * size :])
    with pytest.raises(DamagedSamples, match="changed"):
        read(files, place, 3 * BLOCK, 0, 1)
    assert len(read(files, place, 3 * BLOCK, 2 * BLOCK, 3 * BLOCK)) == BLOCK


def test_samples_that_are_not_there_are_damaged(files: SampleFiles, tmp_path: Path) -> None:
    with pytest.raises(DamagedSamples, match="No such file"):
        read(files, 0, 10, 0, 10)
    (tmp_path / "16000hz-0000.int16").write_bytes(bytes(20))
    with pytest.raises(DamagedSamples, match="cut short"):
        read(files, 0, 10, 0, 10)
