import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.audio.clip import Clip
from harness.audio.decoding import decode, decode_recording
from harness.audio.sound_checks import Extent, Sound, extent, steps_louder
from harness.audio.store import PcmStore

RATE = 16_000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)


def written(path: Path, samples: NDArray[np.floating], subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, RATE, subtype=subtype)
    return path


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "PCM_24"])
@pytest.mark.parametrize("offset", [0.0, 0.25])
def test_silence(tmp_path: Path, subtype: str, offset: float) -> None:
    found = decode_recording(written(tmp_path / "a.wav", np.full(4000, offset), subtype), RATE)
    assert found.sound.remark == "is silent: no sample differs from the others"
    assert found.sound.louder == 0


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_channels_that_cancel_each_other(tmp_path: Path, subtype: str) -> None:
    path = written(tmp_path / "a.wav", np.stack([NOISE, -NOISE], axis=1), subtype)
    remark = decode_recording(path, RATE).sound.remark
    assert remark is not None
    assert remark.startswith("has channels that cancel each other: -6 dB of full scale each, their average -")
    assert remark.endswith("; keep one of them")


@pytest.mark.parametrize("scale", [15, 23, 31])
def test_integers_written_as_floats_are_what_they_were_meant_to_be(tmp_path: Path, scale: int) -> None:
    found = decode_recording(written(tmp_path / "a.wav", NOISE * 2.0**scale), RATE)
    np.testing.assert_allclose(found.samples, NOISE, atol=1e-6)
    assert found.sound.remark is not None
    assert f"divided by {2**scale:,}" in found.sound.remark


@pytest.mark.parametrize("largest", [2.0**40, 3e38])
@pytest.mark.parametrize("channels", [1, 2])
def test_however_large_samples_are_the_result_is_finite(tmp_path: Path, largest: float, channels: int) -> None:
    samples = np.repeat((NOISE * 2)[:, None] * largest, channels, axis=1)
    found = decode_recording(written(tmp_path / "a.wav", samples), RATE)
    np.testing.assert_allclose(found.samples, NOISE * 2 * (largest / 2**found.sound.bits), atol=1e-6)
    assert 0.49 < np.abs(found.samples).max() <= 1
    assert "were taken for integers" in str(found.sound.remark)


@pytest.mark.parametrize(("peak", "said"), [(0.9, False), (1.6, False), (2.5, True), (200.0, True)])
def test_more_than_a_decoder_overshoots_is_said(tmp_path: Path, peak: float, said: bool) -> None:
    found = decode_recording(written(tmp_path / "a.wav", NOISE * 2 * peak), RATE)
    assert extent(found.samples).largest <= 1
    assert (found.sound.remark is not None) == said
    assert not said or "where 1 is full scale: it is clipped" in str(found.sound.remark)


@pytest.mark.parametrize(
    ("level", "faint"), [(1e-6, True), (2e-5, True), (1e-3, False), (3.8e-3, False), (1e-2, False), (1.0, False)]
)
def test_a_quiet_sound_is_kept_as_it_is(tmp_path: Path, level: float, faint: bool) -> None:
    """Rounded to 16 bits as it is, -100 dB would be all zeros."""
    path = written(tmp_path / "a.wav", NOISE * 2 * level)
    clip = Clip("a.wav", path)
    for _ in ("decoded", "read again"):
        store = PcmStore(tmp_path / "store", RATE)
        assert store.ensure([clip]) == []
        np.testing.assert_allclose(store.read(clip), NOISE * 2 * level, atol=level / 250)
        np.testing.assert_allclose(store.read(clip, 10, 20), (NOISE * 2 * level)[10:30], atol=level / 250)
        assert store.all_as_loud_as_kept == (level > 2**-8)
        remarks = [remark for _, remark in store.remarks([clip])]
        assert remarks == ([f"is almost silent: {20 * np.log10(level):.0f} dB of full scale at its loudest"] * faint)


def test_the_digest_knows_how_loud_a_sound_is(tmp_path: Path) -> None:
    clips = [Clip(f"{level}.wav", written(tmp_path / f"{level}.wav", NOISE * 2.0**-level)) for level in (10, 11)]
    store = PcmStore(tmp_path / "store", RATE)
    store.ensure(clips)
    assert np.array_equal(store.read_pcm(clips[0]), store.read_pcm(clips[1]))
    assert store.digest(clips[:1]) != store.digest(clips[1:])


def test_16_bit_files_are_kept_as_they_always_were(tmp_path: Path) -> None:
    clip = Clip("a.wav", written(tmp_path / "a.wav", NOISE / 1000, "PCM_16"))
    store = PcmStore(tmp_path / "store", RATE)
    store.ensure([clip])
    np.testing.assert_array_equal(store.read_pcm(clip), soundfile.read(clip.path, dtype="int16")[0])
    assert store.all_as_loud_as_kept


def test_no_sound_is_made_louder_than_half_of_full_scale() -> None:
    for level in np.geomspace(1e-7, 1, 50).tolist():
        doubled = level * 2.0 ** steps_louder(Extent((-level,), (level,)))
        assert doubled < 0.5 or doubled == level


@given(
    st.floats(0, 3e38),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    st.integers(0, 30),
)
def test_what_is_kept_of_a_sound_takes_eight_bytes(
    largest: float, one: tuple[float, float], other: tuple[float, float], louder: int
) -> None:
    channels, mono = (Extent((min(pair),), (max(pair),)) for pair in (one, other))
    sound = Sound.of(largest, channels, mono, louder)
    assert len(sound.packed()) == 8
    assert Sound.unpacked(sound.packed()) == sound


@pytest.mark.parametrize("shape", [(400,), (400, 3)])
def test_the_extent_of_pieces_is_that_of_the_whole(shape: tuple[int, ...]) -> None:
    samples = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    whole = extent(samples)
    assert extent(samples[:150]) | extent(samples[150:]) == whole
    assert whole.largest == np.abs(samples).max()
    assert whole.swing == pytest.approx(np.ptp(samples, axis=0).max() / 2)


def test_of_other_sounds_nothing_is_said(tmp_path: Path) -> None:
    other = np.random.default_rng(1).uniform(-0.5, 0.5, 4000)
    for name, samples in {
        "mono": NOISE,
        "stereo": np.stack([NOISE, other], axis=1),
        "one-sided": np.stack([NOISE, 0 * NOISE], axis=1),
        "offset": NOISE / 4 + 0.5,
        "one click": np.eye(1, 4000, 7)[0] / 2,
    }.items():
        assert decode_recording(written(tmp_path / f"{name}.wav", samples), RATE).sound.remark is None, name


@pytest.mark.shared
def test_the_sounds_that_once_were_scored_without_a_word(shared: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shared / "cases/silent-wrong", tmp_path / "case")
    said = {path.stem: decode_recording(path, 32_000).sound.remark for path in sorted(folder.glob("*.wav"))}
    kinds = {
        "has channels that cancel": ["c01", "c02"],
        "has samples of up to": ["c03", "c04"],
        "is silent": ["c05"],
        "is almost silent: -10": ["c06", "c07"],
    }
    assert {name for name, remark in said.items() if remark} == {name for names in kinds.values() for name in names}
    for kind, names in kinds.items():
        assert all(str(said[name]).startswith(kind) for name in names)
    assert extent(decode(folder / "c03.wav", 32_000)).largest == pytest.approx(15354.16 / 32768)
