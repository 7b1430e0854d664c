from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.clip import Clip
from harness.audio.store import PcmStore
from harness.evaluation.preparing import reader


class Hears:
    def __init__(self, pcm: bool) -> None:
        if pcm:
            self.hears_pcm = True


def test_clips_come_as_they_are_stored_to_who_takes_them_so(tmp_path: Path) -> None:
    samples = np.array([1, -32768, 32767], np.int16)
    soundfile.write(tmp_path / "clip.wav", samples, 16_000)
    clip = Clip("clip.wav", tmp_path / "clip.wav")
    store = PcmStore(tmp_path / "store", 16_000)
    store.ensure([clip])
    stored, heard = (reader(Hears(pcm), store)(clip) for pcm in (True, False))  # type: ignore[arg-type]
    assert (stored.dtype, heard.dtype) == (np.int16, np.float32)
    np.testing.assert_array_equal(stored, samples)
    np.testing.assert_array_equal(heard, samples / 32768)
    # It is the store itself.
    with pytest.raises(ValueError, match="read-only"):
        stored[:] = 0
