"""Decoding: from an audio file to the waveform a system gets, mixed to one channel and resampled."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audio.clip import Array
from harness.audio.ffmpeg import Unconverted, readable
from harness.audio.sound_checks import Sound, extent, integer_bits, steps_louder
from harness.errors import UserError, one_line
from harness.machine import stage

# Of a file that was cut short, libsndfile corrects the declared length without an error; only its log says so. A
# program that writes to a pipe declares a huge length instead of the true one: that is no sign of a cut.
_SHORTENED = re.compile(r"^ *(?:data|Data Size|SSND|Riff size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_LENGTH_UNKNOWN = 0x7FFF0000

_RATES = range(1_000, 768_001)


class BrokenAudio(UserError):  # noqa: N818
    """An audio file that cannot be used: missing, empty, cut short, not audio, or with samples NaN or infinite."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """An audio file decoded.

    Attributes:
        samples: float32 in [-1, 1], shape `(n,)`, `n` at least 1.
        seconds: how long the file lasts.
        rate: samples a second in the file.
        sound: how loud it is, and what is odd about it.
    """

    samples: Array
    seconds: float
    rate: int
    sound: Sound


def decode(path: Path, sample_rate: int) -> Array:
    """The samples of an audio file as one channel at the given rate, float32 in [-1, 1]; see `decode_recording`."""
    return decode_recording(path, sample_rate).samples


def decode_recording(path: Path, sample_rate: int) -> Recording:
    """Read an audio file as one channel at the given rate.

    The content decides the format, not the name: WAV, FLAC, Ogg, MP3, AIFF and what else libsndfile knows, and where
    the program ffmpeg is installed also MPEG-4, AAC, Matroska, Windows Media and AMR. Channels are averaged, then
    resampled (soxr HQ, as the published systems do). Samples outside [-1, 1], which float files may hold and resampling
    may produce, are clipped; integers that were written as floats are scaled first.

    Args:
        path: the file.
        sample_rate: Hz wanted.

    Raises:
        BrokenAudio: no such file, empty, cut short, not audio, without samples, or with samples that are NaN or
            infinite. An Ogg file that was cut looks like a shorter one, and is read as far as it goes.
    """
    import soxr

    with stage("decode"):
        file_status(path)
        samples, rate, integers = _read(path)
        seconds, channels = len(samples) / rate, extent(samples)
        largest = channels.largest
        if bits := integer_bits(largest):
            np.ldexp(samples, -bits, out=samples)
            channels = extent(samples)
        mono = channels
        if samples.ndim == 2:
            samples = samples.mean(axis=1)
            mono = extent(samples)
    if rate != sample_rate:
        with stage("resample"):
            samples = soxr.resample(samples, rate, sample_rate, quality="HQ")
    if not len(samples):
        raise BrokenAudio(f"{path} holds no sound; replace it, or leave the clip out")
    np.clip(samples, -1, 1, out=samples)
    louder = 0 if integers else steps_louder(extent(samples))
    return Recording(samples, seconds, rate, Sound.of(largest, channels, mono, louder))


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


def _read(path: Path) -> tuple[Array, int, bool]:
    """Samples of shape `(n,)` or `(n, channels)`, their rate in Hz, and whether the file holds 16-bit integers."""
    import soundfile

    try:
        with soundfile.SoundFile(readable(path)) as file:
            # libsndfile turns integers into floats slowly; the numbers are the same.
            integers = file.subtype == "PCM_16"
            samples = file.read(dtype="int16" if integers else "float32")
            rate, announced, log = file.samplerate, file.frames, file.extra_info
    except Unconverted as error:
        raise BrokenAudio(str(error)) from None
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
    elif not np.isfinite(samples).all():
        raise BrokenAudio(f"{path} holds samples that are NaN or infinite; write the file again")
    return samples, rate, integers


def _cut_short(path: Path, found: str) -> BrokenAudio:
    return BrokenAudio(f"{path} is cut short: it holds {found}; copy or download it again")
