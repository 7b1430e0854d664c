import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio import Clip, PcmStore
from harness.audio.decoding import BrokenAudio, decode
from harness.audio.pieces import pieces, stretch

RATE = 4_000
FILE_RATE = 8_000
LONG = 95.3

with_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")
LONG_ONES = ["a.flac", "a.wav", "a.ogg", "a.mp3", "float.wav", pytest.param("a.mka", marks=with_ffmpeg)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, seconds: float = LONG, scale: float = 0.5, channels: int = 2) -> Path:
        path = tmp_path / name
        written = path.with_suffix(".wav")
        samples = np.random.default_rng(0).standard_normal((round(FILE_RATE * seconds), channels)).cumsum(axis=0)
        samples *= scale / np.abs(samples).max()
        if path.suffix in (".ogg", ".mka"):
            # libsndfile writes no long Ogg file at once.
            soundfile.write(written, samples, FILE_RATE)
            if path.suffix == ".mka":
                subprocess.run(["ffmpeg", "-v", "error", "-i", written, "-c", "copy", path], check=True)
            else:
                with soundfile.SoundFile(path, "w", FILE_RATE, channels) as file:
                    for start in range(0, len(samples), FILE_RATE):
                        file.write(samples[start : start + FILE_RATE])
        else:
            soundfile.write(path, samples, FILE_RATE, subtype="FLOAT" if name.startswith("float") else None)
        return path

    return write


@pytest.mark.parametrize(
    ("name", "scale"),
    [("a.wav", 0.5), ("a.mp3", 0.5), ("a.flac", 0.001), ("float.wav", 0.001), ("float.wav", 15_000.0)],
)
def test_a_short_recording_is_what_a_store_gives(
    tmp_path: Path, write: Callable[..., Path], name: str, scale: float
) -> None:
    clip = Clip(name, write(name, 2, scale))
    store = PcmStore(tmp_path / "store", RATE)
    assert store.ensure([clip]) == []
    (piece,) = pieces(clip.path, RATE)
    np.testing.assert_array_equal(piece, store.read(clip))


@pytest.mark.parametrize("rate", [RATE, FILE_RATE])
@pytest.mark.parametrize("name", LONG_ONES)
def test_the_pieces_of_a_long_recording_are_what_decoding_gives(
    write: Callable[..., Path], name: str, rate: int
) -> None:
    path = write(name)
    found = list(pieces(path, rate))
    assert {len(piece) for piece in found[:-1]} == {10 * rate}
    np.testing.assert_allclose(np.concatenate(found), decode(path, rate), atol=2e-6)
    later = list(pieces(path, rate, 20))
    # The decoders of MP3 and Ogg round otherwise where they begin elsewhere.
    atol = 2e-6 if name in ("a.mp3", "a.ogg") else 0
    np.testing.assert_allclose(np.concatenate(later), np.concatenate(found[2:]), atol=atol)
    assert [len(piece) for piece in pieces(path, rate, 200)] == []


@pytest.mark.parametrize("name", LONG_ONES)
def test_a_stretch_is_what_lies_there(write: Callable[..., Path], name: str) -> None:
    path = write(name)
    whole = np.concatenate([*pieces(path, RATE)])
    for first, last in ((0, 3.5), (12.25, 34), (25, 26), (90, 200), (200, 210)):
        expected = whole[int(RATE * first) : int(RATE * last)]
        np.testing.assert_allclose(stretch(path, RATE, first, last), expected, atol=2e-6)


@pytest.mark.parametrize("name", LONG_ONES)
def test_a_long_recording_is_decoded_once_and_never_as_a_whole(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write(name, 200)
    read: list[int] = []
    whole = soundfile.SoundFile.read

    def counted(self: soundfile.SoundFile, *args: object, **options: object) -> np.ndarray:
        found = whole(self, *args, **options)
        read.append(len(found))
        return found

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    length = sum(len(piece) for piece in pieces(path, RATE)) / RATE
    assert max(read) <= 61 * FILE_RATE
    if name == "float.wav":
        # Its largest sample is looked for first.
        length *= 2
    assert sum(read) == pytest.approx(length * FILE_RATE, abs=FILE_RATE)


def test_integers_that_a_long_float_file_holds_are_scaled_by_the_largest(write: Callable[..., Path]) -> None:
    path = write("float.wav", scale=15_000)
    np.testing.assert_allclose(np.concatenate([*pieces(path, RATE)]), decode(path, RATE), atol=2e-6)


def test_what_is_wrong_far_within_is_found_there(write: Callable[..., Path]) -> None:
    path = write("float.wav")
    samples, _ = soundfile.read(path, dtype="float32")
    samples[80 * FILE_RATE] = np.nan
    soundfile.write(path, samples, FILE_RATE, subtype="FLOAT")
    coming = pieces(path, RATE)
    next(coming)
    with pytest.raises(BrokenAudio, match=r"float\.wav holds samples that are NaN"):
        list(coming)


@with_ffmpeg
def test_ffmpeg_is_stopped_where_no_more_is_wanted(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Seen(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    path = write("a.mka", 200)
    monkeypatch.setattr("harness.audio.ffmpeg.Popen", Seen)
    coming = pieces(path, RATE)
    next(coming)
    coming.close()  # type: ignore[attr-defined]
    assert started[0].returncode is not None


@with_ffmpeg
def test_a_long_file_that_is_cut_is_broken(write: Callable[..., Path]) -> None:
    path = write("a.mka")
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(BrokenAudio, match=r"a\.mka cannot be read as Matroska"):
        list(pieces(path, RATE))
