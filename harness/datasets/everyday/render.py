"""Rendering: from a scene to samples, which are the same to the last bit on every machine.

Only operations that IEEE 754 and integer arithmetic define exactly are used: elementwise `+ - * /`, indexing,
comparisons, rounding half to even. Library functions (exp, sine, Fourier transforms, sums of floats, resamplers) differ
in the last bit between processors, and one such bit can flip a rounding. Amplitudes are in units of one 16-bit step.
"""

import io
import math
import wave

import numpy as np
from numpy.typing import NDArray

from harness.datasets.everyday.scenes import Room, Scene, Sound
from harness.datasets.everyday.sources import SAMPLE_RATE, SAMPLES_PER_MS, samples

Signal = NDArray[np.float64]

EVENT_LEVEL = 2_600
"""Root mean square of the loud parts of an event at `level` 1000: 22 dB below full scale."""

FAR = 0.35
PEAK = 29_000
FADE_MS = 10
LOOP_FADE_MS = 250
_BLOCK_MS = 20

# Echoes as (delay in ms, gain): a few early reflections; for the hall also a sparse tail that falls by 17 dB in half a
# second. The delays are odd and uneven, so that the tail has no pitch.
_EARLY = ((7, 0.34), (13, -0.27), (19, 0.22), (29, -0.16), (37, 0.11))
_TAIL = (
    (43, 0.33), (61, -0.31), (79, 0.30), (101, -0.28), (127, 0.25), (151, 0.23), (179, -0.21), (211, 0.19),
    (241, -0.17), (277, 0.15), (311, 0.13), (353, -0.11), (397, 0.09), (443, -0.075), (499, 0.06), (563, 0.045),
)  # fmt: skip
_ECHOES: dict[Room, tuple[tuple[int, float], ...]] = {"none": (), "room": _EARLY, "hall": _EARLY + _TAIL}

# Distance dulls a sound: 6 dB less at 8 kHz.
_DULL = (0.25, 0.5, 0.25)


def render(scene: Scene) -> NDArray[np.int16]:
    """The samples of a scene, mono at 32 kHz, shape `(frames,)`."""
    frames = scene.duration_ms * SAMPLES_PER_MS
    near, far = np.zeros(frames), np.zeros(frames)
    for event in scene.events:
        _place(event, far if event.far else near)
    mix = near + _distant(far) if any(event.far for event in scene.events) else near
    mix = _with_echoes(mix, scene.room)
    if scene.background is not None:
        mix += _looped(scene.background, frames)
    mix *= scene.level / 1000
    peak = float(np.max(np.abs(mix)))
    if peak > PEAK:
        mix *= PEAK / peak
    return np.rint(mix).astype(np.int16)


def wav_bytes(mono: NDArray[np.int16]) -> bytes:
    """A WAV file with the plain 44-byte header."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(mono.astype("<i2").tobytes())
    return buffer.getvalue()


def active_level(passage: NDArray[np.int16]) -> int:
    """Root mean square over the blocks of 20 ms that are at most 12 dB below the loudest, rounded down, at least 1.

    Silence around a sound does not count, so that a short bark and a long note come out equally loud.
    """
    block = _BLOCK_MS * SAMPLES_PER_MS
    whole = passage[: len(passage) // block * block].astype(np.int64).reshape(-1, block)
    energy = np.sum(whole * whole, axis=1)
    loud = energy[energy * 16 >= np.max(energy)]
    return max(1, math.isqrt(int(np.sum(loud)) // (len(loud) * block)))


def _place(event: Sound, mix: Signal) -> None:
    """Add every repetition of an event."""
    once = _faded(_played(event), FADE_MS)
    for repetition in range(event.times):
        start = (event.start_ms + repetition * event.period_ms) * SAMPLES_PER_MS
        mix[start : start + len(once)] += once


def _played(sound: Sound) -> Signal:
    """The passage at its level and speed, by Catmull-Rom interpolation between the four nearest samples."""
    start = sound.offset_ms * SAMPLES_PER_MS
    recorded = samples(sound.file_name)[start : start + sound.length_ms * SAMPLES_PER_MS]
    gain = EVENT_LEVEL * sound.level / (1000 * active_level(recorded))
    passage = recorded.astype(np.float64)
    if sound.speed == 1000:
        return passage * gain
    position = np.arange(sound.milliseconds * SAMPLES_PER_MS, dtype=np.int64) * sound.speed
    index = position // 1000
    t = (position - index * 1000) / 1000
    padded = np.concatenate([passage[:1], passage, passage[-1:], passage[-1:]])
    a, b, c, d = (padded[index + tap] for tap in range(4))
    cubic = 3.0 * (b - c) + d - a
    square = 2.0 * a - 5.0 * b + 4.0 * c - d
    curve = b + 0.5 * t * (c - a + t * (square + t * cubic))
    return np.asarray(curve * gain)


def _faded(signal: Signal, milliseconds: int) -> Signal:
    """The signal with a linear fade at both ends."""
    length = min(milliseconds * SAMPLES_PER_MS, len(signal) // 2)
    ramp = np.arange(length) / length
    faded = signal.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


def _looped(background: Sound, frames: int) -> Signal:
    """The background for the whole scene; where it begins again, the two passes fade into each other."""
    once = _faded(_played(background), LOOP_FADE_MS)
    fade = LOOP_FADE_MS * SAMPLES_PER_MS
    step = len(once) - fade
    # The scene begins after the first fade, in the middle of the sound.
    looped = np.zeros(fade + frames + len(once))
    for start in range(0, fade + frames, step):
        looped[start : start + len(once)] += once
    return _faded(looped[fade : fade + frames], FADE_MS)


def _distant(mix: Signal) -> Signal:
    """The signal as from far away: quieter, and with less treble."""
    middle = len(_DULL) // 2
    padded = np.concatenate([np.zeros(middle), mix, np.zeros(middle)])
    dull = np.zeros(len(mix))
    for tap, gain in enumerate(_DULL):
        dull += (FAR * gain) * padded[tap : tap + len(mix)]
    return dull


def _with_echoes(mix: Signal, room: Room) -> Signal:
    echoing = mix.copy()
    for milliseconds, gain in _ECHOES[room]:
        delay = milliseconds * SAMPLES_PER_MS
        echoing[delay:] += gain * mix[:-delay]
    return echoing
