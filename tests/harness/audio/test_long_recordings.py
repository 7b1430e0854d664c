from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.clip import Clip, Pcm
from harness.audio.decoding import decode, recording_file
from harness.audio.long_recordings import is_long, passages
from harness.audio.rounding import long_piece
from harness.audio.store import PcmStore
from harness.errors import UserError

RATE = 4_000
SECONDS = 35


@pytest.fixture(autouse=True)
def half_a_minute_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.audio.long_recordings.LONG", 30)


def write(
    path: Path, rate: int = 6_000, subtype: str = "PCM_16", seconds: float = SECONDS + 0.0173, channels: int = 1
) -> Path:
    random = np.random.default_rng(0)
    samples = random.standard_normal((round(rate * seconds), channels)).cumsum(axis=0)
    container = {"format": "OGG"} if path.suffix == ".opus" else {}
    soundfile.write(path, samples / abs(samples).max(), rate, subtype=subtype, **container)
    return path


def joined(path: Path, start: int = 0, stop: int | None = None) -> np.ndarray:
    return np.concatenate([*passages(path, RATE, start, stop), np.zeros(0, np.float32)])


def kept_as_a_file(path: Path) -> bool:
    with recording_file(path) as file:
        return is_long(file)


@pytest.mark.parametrize("rate", [RATE, 6_000, 11_025])
@pytest.mark.parametrize(("name", "subtype"), [("a.flac", "PCM_16"), ("a.flac", "PCM_24"), ("a.wav", "PCM_24")])
@pytest.mark.parametrize("channels", [1, 2])
def test_passages_are_what_decoding_gives(tmp_path: Path, name: str, subtype: str, rate: int, channels: int) -> None:
    path = write(tmp_path / name, rate, subtype, channels=channels)
    expected = decode(path, RATE)
    found = joined(path)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize(("name", "subtype"), [("a.ogg", "VORBIS"), ("a.opus", "OPUS")])
@pytest.mark.parametrize("channels", [1, 2])
def test_passages_of_ogg_files_are_what_decoding_gives(tmp_path: Path, name: str, subtype: str, channels: int) -> None:
    path = write(tmp_path / name, 16_000, subtype, channels=channels)
    assert kept_as_a_file(path)
    expected = decode(path, RATE)
    np.testing.assert_allclose(joined(path), expected, atol=2e-6)
    size = 10 * RATE
    np.testing.assert_allclose(joined(path, 2 * size), expected[2 * size :], atol=2e-6)


def test_a_sample_is_the_same_whichever_passage_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac")
    whole = joined(path)
    size = 10 * RATE
    for start, stop in ((0, 1), (5, size), (size - 1, size + 1), (size, 2 * size), (123, 3 * size + 7), (40, 40)):
        np.testing.assert_array_equal(joined(path, start, stop), whole[start:stop])
    np.testing.assert_array_equal(joined(path, 3 * size + 9), whole[3 * size + 9 :])


def test_what_is_long_and_can_be_reached_exactly(tmp_path: Path) -> None:
    assert kept_as_a_file(write(tmp_path / "a.wav"))
    assert kept_as_a_file(write(tmp_path / "a.flac"))
    assert not kept_as_a_file(write(tmp_path / "short.wav", seconds=30))
    assert not kept_as_a_file(write(tmp_path / "float.wav", subtype="FLOAT"))


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return Clip("a.flac", write(tmp_path / "a.flac"))


def test_a_long_recording_is_read_without_being_kept(tmp_path: Path, clip: Clip) -> None:
    folder = tmp_path / "store"
    for _ in ("first time", "later"):
        store = PcmStore(folder, RATE)
        assert store.ensure([clip]) == []
        assert sum(path.stat().st_size for path in folder.iterdir()) < 100
        whole = store.read_pcm(clip)
        assert len(whole) == store.length(clip) == len(decode(clip.path, RATE))
        np.testing.assert_array_equal(store.read(clip), whole / 32768)
        np.testing.assert_array_equal(store.read(clip, 70_000, 50_000), whole[70_000:120_000] / 32768)


def test_it_has_the_digests_that_it_would_have_if_it_were_kept(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PcmStore(tmp_path / "long", RATE)
    store.ensure([clip])
    soundfile.write(tmp_path / "b.wav", store.read_pcm(clip), RATE, subtype="PCM_16")
    monkeypatch.setattr("harness.audio.long_recordings.LONG", 60)
    copy, kept = Clip("b.wav", tmp_path / "b.wav"), PcmStore(tmp_path / "kept", RATE)
    kept.ensure([copy, clip])
    assert kept.digest([copy]) == store.digest([clip])
    assert kept.files_digest([clip]) == store.files_digest([clip])


def test_a_long_recording_that_is_cut_short_is_named(tmp_path: Path) -> None:
    clips = []
    for name in ("a.flac", "a.wav"):
        path = write(tmp_path / name)
        path.write_bytes(path.read_bytes()[:-9_000])
        clips.append(Clip(name, path))
    broken = PcmStore(tmp_path / "store", RATE).ensure(clips)
    assert [clip for clip, _ in broken] == clips
    assert all(str(clip.path) in str(error) for clip, error in broken)


def test_passages_that_are_read_one_after_the_other_are_decoded_once(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(path: Path, rate: int, number: int) -> Pcm:
        asked.append(number)
        return long_piece(path, rate, number)

    monkeypatch.setattr("harness.audio.store.long_piece", counted)
    store = PcmStore(tmp_path / "store", RATE)
    store.ensure([clip])
    for start in range(0, 30, 5):
        store.read(clip, start * RATE, 10 * RATE)
    assert asked == [0, 1, 2, 3]


def test_a_long_recording_that_changes_while_it_is_used_is_an_error(tmp_path: Path, clip: Clip) -> None:
    store = PcmStore(tmp_path / "store", RATE)
    store.ensure([clip])
    write(clip.path, seconds=SECONDS + 2)
    with pytest.raises(UserError, match="a.flac has changed"):
        store.read(clip, 5, 5)
