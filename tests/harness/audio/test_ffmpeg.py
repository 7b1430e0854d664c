import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.decoding import BrokenAudio, decode, decode_recording

RATE = 32_000

with_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")


def tone(path: Path, rate: int = 44_100) -> Path:
    """A second of a tone, by ffmpeg in the format that the name says."""
    wav = path.with_name("source.wav")
    soundfile.write(wav, 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate), rate)
    how = ("-ar", str(rate), "-movflags", "+faststart") if path.suffix == ".m4a" else ()
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, *how, path], check=True)
    return path


@with_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.opus", "-odd: 'name'.webm", "a.aac"])
def test_what_ffmpeg_reads_is_heard(tmp_path: Path, name: str) -> None:
    found = decode_recording(tone(tmp_path / name), RATE)
    assert found.seconds == pytest.approx(1, abs=0.1)
    spectrum = np.abs(np.fft.rfft(found.samples))
    assert spectrum.argmax() * RATE / len(found.samples) == pytest.approx(440, abs=2)
    assert np.abs(found.samples).max() == pytest.approx(0.5, abs=0.1)
    assert found.sound.remark is None


def mpeg4(path: Path) -> Path:
    """A file that says it is MPEG-4 and is nothing more."""
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A " + bytes(100))
    return path


def test_without_ffmpeg_the_command_to_convert_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    path = mpeg4(tmp_path / "a dog.m4a")
    with pytest.raises(BrokenAudio) as caught:
        decode(path, RATE)
    assert str(caught.value) == (
        f"{path} is MPEG-4 (.m4a, .mp4), which is read where the program ffmpeg is installed, and it is not; install "
        f"it, or convert the file: ffmpeg -i '{path}' '{tmp_path}/a dog.wav'"
    )


def test_opus_needs_no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    path = tmp_path / "a.opus"
    soundfile.write(path, np.sin(np.arange(48_000) / 20) / 2, 48_000, format="OGG", subtype="OPUS")
    assert len(decode(path, RATE)) == pytest.approx(RATE, abs=500)


@with_ffmpeg
def test_what_ffmpeg_cannot_read_is_one_line(tmp_path: Path) -> None:
    whole = tone(tmp_path / "a.m4a")
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for path in (mpeg4(tmp_path / "b.m4a"), cut):
        with pytest.raises(
            BrokenAudio, match=r"cannot be read as MPEG-4 .* \(ffmpeg: .*; copy or download it"
        ) as caught:
            decode(path, RATE)
        assert "\n" not in str(caught.value)


@with_ffmpeg
def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    other = tone(tmp_path / "other.m4a")
    path = tmp_path / "list.m4a"
    path.write_text(f"#EXTM3U\n#EXTINF:1,\nfile:{other}\n")
    with pytest.raises(BrokenAudio, match="cannot be read as audio"):
        decode(path, RATE)
