import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from harness.audio.clip import Array
from harness.audio.decoding import decode
from harness.audio.fingerprints import Fingerprint, FingerprintIndex, fingerprint

RATE = 16_000


def noise(seconds: float, seed: int) -> Array:
    """Coloured noise that swells and fades: nothing in it comes twice."""
    random = np.random.default_rng(seed)
    samples = np.cumsum(random.standard_normal(int(seconds * RATE)))
    samples = np.diff(samples, prepend=0) + 0.1 * np.sin(samples)
    swell = np.interp(np.arange(len(samples)), np.arange(0, len(samples) + RATE, RATE // 4)[: len(samples) // 4000 + 2],
                      random.uniform(0.1, 1, len(samples) // 4000 + 2))  # fmt: skip
    return (0.1 * swell * samples).astype(np.float32)


def coded(samples: Array, rate: int, **how: object) -> tuple[Array, int]:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **how)
    file.seek(0)
    again, rate = soundfile.read(file, dtype="float32")
    return again, rate


COPIES: dict[str, Callable[[Array], tuple[Array, int]]] = {
    "flac": lambda samples: coded(samples, RATE, format="FLAC"),
    "softer": lambda samples: coded(0.1 * samples, RATE, format="FLAC"),
    "resampled": lambda samples: (soxr.resample(soxr.resample(samples, RATE, 44_100), 44_100, 22_050), 22_050),
    "mp3": lambda samples: coded(samples, RATE, format="MP3", compression_level=0.9),
    "softer ogg": lambda samples: coded(0.2 * samples, RATE, format="OGG", compression_level=0.9),
    "crop": lambda samples: (samples[int(1.234 * RATE) :][: 4 * RATE], RATE),
    "mp3 of a crop": lambda samples: coded(samples[30_011:], RATE, format="MP3", compression_level=0.5),
    "shortened mp3": lambda samples: coded(samples[9_001:], RATE, format="MP3", compression_level=0.5),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found_among_others(copy: str) -> None:
    index = FingerprintIndex([fingerprint(noise(9, seed), RATE) for seed in range(4)])
    assert list(index.find(fingerprint(*COPIES[copy](noise(9, 2))))) == [2]


def test_a_longer_recording_that_holds_it_is_found() -> None:
    parts = [noise(5, 10), noise(6, 11), noise(5, 12)]
    index = FingerprintIndex([fingerprint(noise(6, 11), RATE)])
    assert list(index.find(fingerprint(np.concatenate(parts), RATE))) == [0]


def test_less_than_3_seconds_in_common_is_not_enough() -> None:
    index = FingerprintIndex([fingerprint(noise(9, 1), RATE)])
    assert index.find(fingerprint(noise(9, 1)[: int(2.5 * RATE)], RATE)) == {}


def test_silence_and_steady_tones_are_no_copies_of_each_other() -> None:
    time = np.arange(6 * RATE) / RATE
    silent = [np.zeros(6 * RATE, np.float32), np.zeros(7 * RATE, np.float32)]
    padded = [np.concatenate([noise(1, seed), silent[0]]) for seed in (1, 2)]
    tones = [np.sin(2 * np.pi * pitch * time).astype(np.float32) / 2 for pitch in (500, 1000, 437)]
    sounds = [*silent, *padded, *tones, noise(6, 3)]
    # At this rate every moment of these tones is exactly as the one before.
    prints = [*(fingerprint(sound, RATE) for sound in sounds), *(fingerprint(tone[::2], 8_000) for tone in tones[:2])]
    index = FingerprintIndex(prints)
    assert list(index.find(prints[len(sounds) - 1])) == [len(sounds) - 1]
    for number, one in enumerate(prints):
        assert set(index.find(one)) <= {number}


def test_what_is_hardly_to_be_heard_does_not_count() -> None:
    fading = np.concatenate([noise(5, 1), 1e-3 * noise(15, 2)])
    hissing = fading + 2e-3 * noise(20, 3)
    assert list(FingerprintIndex([fingerprint(fading, RATE)]).find(fingerprint(hissing, RATE))) == [0]


def test_no_moment_need_be_the_same_bit_by_bit() -> None:
    one = fingerprint(noise(6, 1), RATE)
    flips = np.left_shift(np.uint32(1), np.random.default_rng(0).integers(0, 32, len(one.bits)).astype(np.uint32))
    found = FingerprintIndex([one]).find(Fingerprint(one.bits ^ flips, one.sounding))
    assert found == {0: pytest.approx(1 / 32)}


@pytest.mark.parametrize("samples", [0, 1, 1_000, 4_096])
def test_too_short_for_a_fingerprint(samples: int) -> None:
    nothing = fingerprint(np.zeros(samples, np.float32), 8_000)
    assert (len(nothing.bits), len(nothing.sounding)) == (0, 0)
    assert FingerprintIndex([nothing]).find(fingerprint(noise(5, 1), RATE)) == {}
    assert FingerprintIndex([]).find(nothing) == {}


def test_it_is_the_same_however_long_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fingerprint(noise(6, 1), RATE)
    monkeypatch.setattr("harness.audio.fingerprints._BLOCK", 7)
    pieces = fingerprint(noise(6, 1), RATE)
    assert np.mean(whole.bits == pieces.bits) > 0.99


@pytest.mark.shared
def test_real_clips_are_no_copies_but_for_two_takes_of_one(shared: Path) -> None:
    paths = sorted((shared / "data/real_clips/audio").glob("*.ogg"))
    prints = [fingerprint(decode(path, RATE), RATE) for path in paths]
    index = FingerprintIndex(prints)
    pairs = {
        tuple(sorted((paths[one].name, paths[other].name)))
        for one, sought in enumerate(prints)
        for other in index.find(sought)
        if one != other
    }
    # Both are cut from one recording of PickleJones: their waveforms correlate by up to 0.98.
    assert pairs == {("esc10_baby_cry_3-151080-a.ogg", "esc10_baby_cry_5-151085-a.ogg")}


@pytest.mark.shared
def test_copies_of_real_clips_are_found(shared: Path) -> None:
    paths = sorted((shared / "data/real_clips/audio").glob("*.ogg"))
    waveforms = [decode(path, RATE) for path in paths]
    prints = [fingerprint(waveform, RATE) for waveform in waveforms]
    index = FingerprintIndex(prints)
    # Of some of the short ones, less than 3 s are to be heard at all. A part of the rest keeps the test short.
    long_enough = [number for number, one in enumerate(prints) if sounding(one) > 250][::4]
    assert len(long_enough) > 20
    for copy in ("softer", "mp3", "softer ogg", "shortened mp3"):
        missed = [n for n in long_enough if n not in index.find(fingerprint(*COPIES[copy](waveforms[n])))]
        assert [paths[number].name for number in missed] == []


def sounding(one: Fingerprint) -> int:
    return int(one.sounding.sum())
