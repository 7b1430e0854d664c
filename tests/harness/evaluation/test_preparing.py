import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.clip import Clip
from harness.audio.store import PcmStore
from harness.evaluation.preparing import reader


class Plain:
    """Says nothing of int16."""


class Accepting:
    accepts_int16 = True


class Earlier:
    """Written for an earlier version."""

    hears_pcm = True


SAMPLES = np.array([1, -32768, 32767], np.int16)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    soundfile.write(tmp_path / "clip.wav", SAMPLES, 16_000)
    return Clip("clip.wav", tmp_path / "clip.wav")


@pytest.fixture
def store(tmp_path: Path, clip: Clip) -> PcmStore:
    store = PcmStore(tmp_path / "store", 16_000)
    store.ensure([clip])
    return store


def test_a_system_that_accepts_int16_gets_clips_as_they_are_stored(clip: Clip, store: PcmStore) -> None:
    stored, plain = (reader(system, store)(clip) for system in (Accepting(), Plain()))  # type: ignore[arg-type]
    assert (stored.dtype, plain.dtype) == (np.int16, np.float32)
    np.testing.assert_array_equal(stored, SAMPLES)
    np.testing.assert_array_equal(plain, SAMPLES / 32768)


def test_the_earlier_name_of_the_attribute_goes_on_working_with_one_warning(clip: Clip, store: PcmStore) -> None:
    with pytest.warns(DeprecationWarning, match="Earlier.hears_pcm is now called accepts_int16") as warned:
        read = reader(Earlier(), store)  # type: ignore[arg-type]
    assert len(warned) == 1
    assert read(clip).dtype == np.int16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader(Earlier(), store)  # type: ignore[arg-type]
