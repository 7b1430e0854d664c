"""Decoding: from an audio file to the waveform a system gets, mixed to one channel and resampled."""

import os
import re
from pathlib import Path

import numpy as np

from harness.audio.clip import Array
from harness.errors import UserError, one_line
from harness.machine import stage

# Of a file that was cut short, libsndfile corrects the declared length without an error; only its log says so. A
# program that writes to a pipe declares a huge length instead of the true one: that is no sign of a cut.
_SHORTENED = re.compile(r"^ *(?:data|Data Size|SSND|Riff size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_LENGTH_UNKNOWN = 0x7FFF0000

# Of samples like these not even a mean can be taken.
_AS_GOOD_AS_INFINITE = 1e30

_RATES = range(1_000, 768_001)


class BrokenAudio(UserError):  # noqa: N818
    """An audio file that cannot be used: missing, empty, cut short, not audio, or with samples NaN or infinite."""


def decode(path: Path, sample_rate: int) -> Array:
    """Read an audio file as one channel at the given rate.

    The content decides the format, not the name (WAV, FLAC, Ogg, MP3, AIFF and what else libsndfile knows). Channels
    are averaged, then resampled (soxr HQ, as the published systems do). Samples outside [-1, 1], which float files may
    hold and resampling may produce, are clipped.

    Args:
        path: the file.
        sample_rate: Hz wanted.

    Returns:
        Float32 samples in [-1, 1], shape `(n,)`, `n` at least 1.

    Raises:
        BrokenAudio: no such file, empty, cut short, not audio, without samples, or with samples that are NaN or
            infinite. An Ogg file that was cut looks like a shorter one, and is read as far as it goes.
    """
    import soxr

    with stage("decode"):
        file_status(path)
        samples, rate = _read(path)
        if samples.ndim == 2:
            samples = samples.mean(axis=1)
    if rate != sample_rate:
        with stage("resample"):
            samples = soxr.resample(samples, rate, sample_rate, quality="HQ")
    if not len(samples):
        raise BrokenAudio(f"{path} holds no sound; replace it, or leave the clip out")
    return np.clip(samples, -1, 1, out=samples)


def file_status(path: Path) -> os.stat_result:
    """Size and times of a file that can be opened and is not empty.

    Raises:
        BrokenAudio: no such file, not a file, or empty.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise BrokenAudio(f"{path} does not exist; put the clip there, or take it out of the captions file") from None
    except OSError as error:
        raise BrokenAudio(f"{path} cannot be opened: {error.strerror}; check its path and its permissions") from None
    if not path.is_file():
        raise BrokenAudio(f"{path} is not a file; expected an audio file")
    if not status.st_size:
        raise BrokenAudio(f"{path} is an empty file; copy or download it again")
    return status


def _read(path: Path) -> tuple[Array, int]:
    """Samples of shape `(n,)` or `(n, channels)`, and their rate in Hz."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            # libsndfile turns integers into floats slowly; the numbers are the same.
            integers = file.subtype == "PCM_16"
            samples = file.read(dtype="int16" if integers else "float32")
            rate, announced, log = file.samplerate, file.frames, file.extra_info
    # The library's own errors are RuntimeErrors; a nonsensical header can also ask for more memory than there is.
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        reason = getattr(error, "error_string", one_line(error)).strip().rstrip(".")
        raise BrokenAudio(f"{path} cannot be read as audio ({reason}); copy or download it again") from None
    if rate not in _RATES:
        raise BrokenAudio(f"{path} says that it has {rate} samples a second; expected {_RATES[0]:,} to {_RATES[-1]:,}")
    for expected, found in _SHORTENED.findall(log):
        if int(found) < int(expected) < _LENGTH_UNKNOWN:
            raise _cut_short(path, f"{found} of the {expected} bytes its header announces")
    if len(samples) < announced:
        raise _cut_short(path, f"{len(samples)} of the {announced} samples its header announces")
    if integers:
        samples = np.multiply(samples, np.float32(1 / 32768), dtype=np.float32)
    elif not (np.abs(samples) < _AS_GOOD_AS_INFINITE).all():
        raise BrokenAudio(f"{path} holds samples that are NaN or infinite, or nearly so; write the file again")
    return samples, rate


def _cut_short(path: Path, found: str) -> BrokenAudio:
    return BrokenAudio(f"{path} is cut short: it holds {found}; copy or download it again")
