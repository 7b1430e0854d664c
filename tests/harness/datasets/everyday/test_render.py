"""Rendering is the same to the last bit everywhere, and sounds as the scene says."""

import hashlib
import io
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from harness.datasets.everyday.cache import EDITION
from harness.datasets.everyday.render import EVENT_LEVEL, active_level, render, wav_bytes
from harness.datasets.everyday.scenes import Scene, Sound, draw_scenes
from harness.datasets.everyday.sources import samples, sources

# One scene of each kind: room, near or far, with or without a background.
SHA256_STARTS = {
    "evaluation_0001.wav": "45c514643588fb7e",
    "evaluation_0002.wav": "362a8ff0352a70d9",
    "evaluation_0003.wav": "c72e812e7d9f12f1",
    "evaluation_0005.wav": "2e7cebf8e2c4b749",
    "evaluation_0006.wav": "487de97732447583",
    "evaluation_0009.wav": "81750e70ed3303bc",
    "evaluation_0012.wav": "1f2246977d82e9f6",
    "evaluation_0018.wav": "a4c4c87ba58c2041",
    "evaluation_0024.wav": "be2269ab539612bf",
    "evaluation_0030.wav": "68f64bc80c7d25c5",
}

PRINT_DIGESTS = """
import hashlib
from harness.datasets.everyday.cache import EDITION
from harness.datasets.everyday.render import render, wav_bytes
from harness.datasets.everyday.scenes import draw_scenes
for scene in draw_scenes(EDITION.seed, EDITION.sizes)["evaluation"][:30]:
    print(scene.name, hashlib.sha256(wav_bytes(render(scene))).hexdigest()[:16])
"""


@pytest.fixture(scope="module")
def scenes() -> tuple[Scene, ...]:
    return draw_scenes(EDITION.seed, EDITION.sizes)["evaluation"]


def event(label: str, start_ms: int = 1000, **changes: object) -> Sound:
    source = sources()[label][0]
    sound = Sound(label, source.file_name, start_ms, start_ms + source.milliseconds, length_ms=source.milliseconds)
    return replace(sound, **changes)  # type: ignore[arg-type]


def of(*sounds: Sound, room: str = "none", level: int = 1000) -> Scene:
    return Scene("a.wav", 6000, sounds, room, level)  # type: ignore[arg-type]


def rms(mono: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(mono.astype(float) ** 2)))


def test_scenes_come_out_as_they_always_did(scenes: tuple[Scene, ...]) -> None:
    by_name = {scene.name: scene for scene in scenes}
    digests = {name: hashlib.sha256(wav_bytes(render(by_name[name]))).hexdigest()[:16] for name in SHA256_STARTS}
    assert digests == SHA256_STARTS


def test_they_do_so_on_a_plainer_processor() -> None:
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]  # type: ignore[index]
    if not found:
        pytest.skip("this processor has only what every processor of its kind has")
    environment = {
        **os.environ,
        "NPY_DISABLE_CPU_FEATURES": " ".join(found),
        "PYTHONPATH": str(Path(__file__).parents[4]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS], env=environment, check=True, capture_output=True, text=True
    )
    printed = dict(line.split() for line in done.stdout.splitlines())
    assert {name: printed[name] for name in SHA256_STARTS} == SHA256_STARTS


def test_wav_has_the_plain_header_and_the_samples() -> None:
    mono = np.array([0, 1, -1, 32767, -32768], dtype=np.int16)
    content = wav_bytes(mono)
    # RIFF, WAVE, "fmt ": PCM, 1 channel, 32,000 frames and 64,000 bytes a second, 2 bytes a frame, 16 bits, "data".
    fields = (b"RIFF", 46, b"WAVE", b"fmt ", 16, 1, 1, 32_000, 64_000, 2, 16, b"data", 10)
    assert content[:44] == struct.pack("<4sI4s4sIHHIIHH4sI", *fields)
    assert len(content) == 54
    decoded, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    assert rate == 32_000
    np.testing.assert_array_equal(decoded, mono)


def test_length_level_and_no_clipping(scenes: tuple[Scene, ...]) -> None:
    for scene in scenes[:40]:
        mono = render(scene)
        assert mono.dtype == np.int16
        assert mono.shape == (scene.duration_ms * 32,)
        assert 100 < np.max(np.abs(mono.astype(int))) <= 29_000
        assert rms(mono) > 100


def test_an_event_sounds_when_the_scene_says() -> None:
    dog = event("dog", 1000, times=3, period_ms=700)
    mono = render(of(replace(dog, end_ms=2400 + dog.milliseconds)))
    once = dog.milliseconds
    for start in (1000, 1700, 2400):
        assert rms(mono[start * 32 : (start + once) * 32]) > 500
        assert not np.any(mono[(start - 300) * 32 : start * 32])
    assert not np.any(mono[(2400 + once) * 32 :])


@pytest.mark.parametrize("label", ["dog", "flute", "maracas", "gong"])
@pytest.mark.parametrize("level", [800, 1000, 1250])
def test_events_are_equally_loud(label: str, level: int) -> None:
    # A transient may be so sharp that the whole scene is lowered; half of the level avoids it.
    mono = render(of(event(label, 200, level=level), level=500))
    assert active_level(mono) == pytest.approx(EVENT_LEVEL * level / 1000 / 2, rel=0.15)


def test_active_level_leaves_silence_out() -> None:
    tone = np.full(32 * 100, 1000, dtype=np.int16)
    padded = np.concatenate([np.zeros(32 * 900, np.int16), tone])
    assert active_level(padded) == active_level(tone) == 1000
    assert active_level(np.zeros(32 * 100, np.int16)) == 1


def test_faster_is_shorter_and_higher() -> None:
    plain, fast = event("clarinet", 0), event("clarinet", 0, speed=1080)
    assert fast.milliseconds == plain.milliseconds * 1000 // 1080
    recorded = samples(plain.file_name)[: plain.length_ms * 32].astype(float)
    mono = render(of(fast, level=500)).astype(float)[320 : (fast.milliseconds - 10) * 32]
    # NumPy's straight-line interpolation of the same passage, as another lineage.
    expected = np.interp(np.arange(fast.milliseconds * 32) * 1.08, np.arange(len(recorded)), recorded)
    expected = expected[320 : (fast.milliseconds - 10) * 32]
    assert np.corrcoef(mono, expected)[0, 1] > 0.995


def test_far_is_quieter_and_duller() -> None:
    near, far = (render(of(event("maracas", 500, far=far), level=500)) for far in (False, True))
    assert rms(far) < 0.3 * rms(near)

    def brightness(mono: NDArray[np.int16]) -> float:
        power = np.abs(np.fft.rfft(mono.astype(float))) ** 2
        return float(np.sum(power * np.fft.rfftfreq(len(mono), 1 / 32_000)) / np.sum(power))

    assert brightness(far) < 0.9 * brightness(near)


def test_a_hall_rings_on() -> None:
    dog = event("dog", 1000)
    dry, hall = (render(of(dog, room=room)) for room in ("none", "hall"))
    after = slice((dog.end_ms + 100) * 32, (dog.end_ms + 400) * 32)
    assert rms(dry[after]) == 0
    assert rms(hall[after]) > 20
    assert not np.any(hall[: 1000 * 32])


@pytest.mark.parametrize("label", ["rain", "water", "train", "frogs", "grasshopper"])
def test_a_background_lasts_without_a_gap(label: str) -> None:
    mono = render(of(replace(event(label, 0, end_ms=6000), background=True, level=200)))
    # Croaks and chirps have pauses of their own, but never half a second.
    blocks = mono[: len(mono) // 16_000 * 16_000].reshape(-1, 16_000)
    levels = [rms(block) for block in blocks]
    assert min(levels) > 0.25 * max(levels)


def test_too_loud_a_scene_is_lowered_as_a_whole() -> None:
    one = event("cymbal", 500, level=5000)
    mono = render(of(one)).astype(float)
    quiet = render(of(replace(one, level=500))).astype(float)
    assert np.max(np.abs(mono)) == 29_000
    ratio = np.max(np.abs(mono)) / np.max(np.abs(quiet))
    np.testing.assert_allclose(mono, quiet * ratio, atol=ratio)
