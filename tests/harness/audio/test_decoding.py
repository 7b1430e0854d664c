from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.audio.decoding import BrokenAudio, decode

RATE = 32_000
TONE = 440.0


def tone(rate: int, seconds: float = 0.5, amplitude: float = 0.5) -> NDArray[np.float64]:
    """The sine itself, at any rate: what a perfect resampler gives."""
    return amplitude * np.sin(2 * np.pi * TONE * np.arange(round(rate * seconds)) / rate)


def middle(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """Without the edges, where the resampling filter sees the silence outside."""
    return samples[2_000:-2_000]


@pytest.mark.parametrize(
    ("rate", "subtype", "file_format"),
    [
        (8_000, "PCM_16", "WAV"),
        (192_000, "PCM_16", "WAV"),
        (44_100, "DOUBLE", "WAV"),
        (44_100, "FLOAT", "WAV"),
        (44_100, "PCM_24", "WAV"),
        (44_100, "PCM_32", "RF64"),
        (48_000, "PCM_24", "FLAC"),
        (22_050, "PCM_16", "AIFF"),
        (32_000, "PCM_16", "WAV"),
    ],
)
def test_any_rate_and_sample_format_gives_the_tone(tmp_path: Path, rate: int, subtype: str, file_format: str) -> None:
    path = tmp_path / "tone"
    soundfile.write(path, tone(rate), rate, subtype=subtype, format=file_format)
    samples = decode(path, RATE)
    assert samples.dtype == np.float32
    assert samples.shape == (RATE // 2,)
    np.testing.assert_allclose(middle(samples), middle(tone(RATE)), atol=1e-4)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_six_channels_are_averaged(tmp_path: Path, subtype: str) -> None:
    gains = np.array([1.0, 0.5, -0.25, 0.0, 0.75, 0.1])
    path = tmp_path / "surround.wav"
    soundfile.write(path, np.outer(tone(44_100), gains), 44_100, subtype=subtype)
    np.testing.assert_allclose(middle(decode(path, RATE)), middle(tone(RATE)) * gains.mean(), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=300))
def test_16_bit_audio_at_the_right_rate_is_unchanged(tmp_path_factory: pytest.TempPathFactory, pcm: list[int]) -> None:
    path = tmp_path_factory.mktemp("pcm") / "clip.wav"
    soundfile.write(path, np.array(pcm, np.int16), RATE, subtype="PCM_16")
    np.testing.assert_array_equal(decode(path, RATE), np.array(pcm) / 32768)


@pytest.mark.parametrize("file_format", ["MP3", "OGG", "FLAC"])
def test_the_content_decides_the_format(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / "named.wav"
    soundfile.write(path, tone(RATE), RATE, format=file_format)
    samples = decode(path, RATE)
    assert samples.shape == (RATE // 2,)
    assert np.corrcoef(middle(samples), middle(tone(RATE)))[0, 1] > 0.99


def test_beyond_full_scale_is_clipped(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, tone(RATE, amplitude=3.0), RATE, subtype="FLOAT")
    samples = decode(path, RATE)
    np.testing.assert_allclose(samples, np.clip(tone(RATE, amplitude=3.0), -1, 1), atol=1e-6)


def test_a_length_that_a_streaming_writer_left_open_is_no_cut(tmp_path: Path) -> None:
    path = tmp_path / "piped.wav"
    soundfile.write(path, tone(RATE), RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert decode(path, RATE).shape == (RATE // 2,)


def broken(path: Path) -> str:
    with pytest.raises(BrokenAudio) as caught:
        decode(path, RATE)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("subtype", "file_format"),
    [("PCM_16", "WAV"), ("DOUBLE", "WAV"), ("PCM_24", "WAV"), ("PCM_16", "RF64"), ("PCM_16", "AIFF"), ("PCM_16", "AU")],
)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
def test_cut_short(tmp_path: Path, subtype: str, file_format: str, kept: float) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, tone(RATE), RATE, subtype=subtype, format=file_format)
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * kept)])
    assert "cut short" in broken(path)


@pytest.mark.parametrize("file_format", ["FLAC", "MP3"])
def test_cut_short_while_compressed(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, RATE), RATE, format=file_format)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "copy or download it again" in broken(path)


def test_cut_inside_the_header(tmp_path: Path) -> None:
    path = tmp_path / "head.wav"
    soundfile.write(path, tone(RATE), RATE)
    path.write_bytes(path.read_bytes()[:30])
    assert "cannot be read as audio" in broken(path)


def test_missing(tmp_path: Path) -> None:
    assert "does not exist" in broken(tmp_path / " e ieio ieai.wav")


def test_folder(tmp_path: Path) -> None:
    assert "not a file" in broken(tmp_path)


def test_zero_length(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    assert "empty file" in broken(path)


def test_not_audio(tmp_path: Path) -> None:
    path = tmp_path / "page.wav"
    path.write_text("<html>404</html>" * 100)
    assert "cannot be read as audio" in broken(path)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path: Path, subtype: str, value: float) -> None:
    path = tmp_path / "nan.wav"
    samples = np.column_stack([tone(RATE), tone(RATE)])
    samples[123, 1] = value
    soundfile.write(path, samples, RATE, subtype=subtype)
    assert "NaN or infinite" in broken(path)


@pytest.mark.parametrize(("samples", "rate"), [(0, RATE), (1, 192_000)])
def test_no_sound(tmp_path: Path, samples: int, rate: int) -> None:
    path = tmp_path / "nothing.wav"
    soundfile.write(path, np.zeros(samples), rate)
    assert "holds no sound" in broken(path)


@pytest.mark.shared
def test_real_clips_decode_in_full(shared: Path) -> None:
    paths = sorted((shared / "data" / "real_clips" / "audio").iterdir())
    assert len(paths) > 100
    for path in paths:
        info = soundfile.info(path)
        assert len(decode(path, 16_000)) == pytest.approx(info.frames * 16_000 / info.samplerate, abs=1)


def test_a_nonsensical_rate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(100), 1)
    with pytest.raises(BrokenAudio, match="says that it has 1 samples a second"):
        decode(path, 32_000)


def test_what_is_wrong_is_said_in_whichever_thread(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.wav").write_text("<html>404</html>" * 100)
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(broken, sorted(tmp_path.glob("*.wav")) * 5))
    assert {line.partition("(")[2].partition(")")[0] for line in said} == {"Format not recognised"}
