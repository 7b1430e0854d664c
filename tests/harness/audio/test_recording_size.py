from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio import BrokenAudio, Clip, PcmStore, expected_size


@pytest.mark.parametrize(("rate", "seconds"), [(16_000, 1), (8_000, 1), (44_100, 5.5), (16_000, 20)])
def test_it_is_what_the_store_takes(tmp_path: Path, rate: int, seconds: float) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(round(rate * seconds)), rate)
    PcmStore(tmp_path / "store", 16_000).ensure([Clip("a.wav", path)])
    size = (tmp_path / "store" / "16000hz-0000.int16").stat().st_size
    assert expected_size(path, 16_000) == (seconds, size)


def test_a_long_recording_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.audio.long_recordings.LONG", 5)
    soundfile.write(tmp_path / "a.flac", np.zeros(48_000), 8_000)
    assert expected_size(tmp_path / "a.flac", 16_000) == (6, 0)


@pytest.mark.parametrize("content", [None, b"", b"no sound"])
def test_what_cannot_be_opened_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BrokenAudio, match="a.wav"):
        expected_size(tmp_path / "a.wav", 16_000)
