"""Decoding: from an audio file to the waveform a system gets, mixed to one channel and resampled."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from harness.audio.clip import Array
from harness.audio.ffmpeg import Unconverted, readable
from harness.audio.sound_checks import Sound, extent, integer_scale, steps_louder
from harness.errors import UserError, one_line
from harness.machine import stage

if TYPE_CHECKING:
    from soundfile import SoundFile

# Of a file that was cut short, libsndfile corrects the declared length without an error; only its log says so. A
# program that writes to a pipe declares a huge length instead of the true one: that is no sign of a cut.
_SHORTENED = re.compile(r"^ *(?:data|Data Size|SSND|Riff size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_LENGTH_UNKNOWN = 0x7FFF0000

_RATES = range(1_000, 768_001)

_BLOCK = 1 << 20
"""Samples that are read at once from a pipe, whose length is not known."""

# Why a file cannot be opened, libsndfile keeps in one place for all threads.
_OPENING = Lock()

READING_ERRORS = (OSError, RuntimeError, ValueError, MemoryError)
"""What reading may raise: the library's own errors are RuntimeErrors, and a nonsensical header can ask for more memory
than there is."""


class BrokenAudio(UserError):  # noqa: N818
    """An audio file that cannot be used: missing, empty, cut short, not audio, or with samples NaN or infinite."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """An audio file decoded.

    Attributes:
        samples: float32 in [-1, 1], shape `(n,)`, `n` at least 1.
        seconds: how long the file lasts.
        rate: samples a second in the file.
        steps_louder: how many times the samples can be doubled, and should be before they are rounded to 16 bits; 0
            unless the file holds a quiet sound more exactly than that.
        sound: what the samples are like.
    """

    samples: Array
    seconds: float
    rate: int
    steps_louder: int
    sound: Sound

    @property
    def remark(self) -> str | None:
        """The rest of a sentence on what is odd about the sound; `None` where nothing is."""
        return self.sound.remark


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
    with stage("decode"), recording_file(path) as file:
        return heard(path, file, read_samples(path, file), sample_rate)


def heard(path: Path, file: "SoundFile", samples: Array, sample_rate: int) -> Recording:
    """All samples of a file as a recording.

    Args:
        path: of the file, for messages.
        file: opened by `recording_file`.
        samples: as `read_samples` gives them; they may be changed.
        sample_rate: Hz wanted.

    Raises:
        BrokenAudio: there are none.
    """
    import soxr

    rate, seconds, channels = file.samplerate, len(samples) / file.samplerate, extent(samples)
    largest = channels.largest
    if (scale := integer_scale(largest)) != 1:
        samples /= np.float32(scale)
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
    louder = 0 if _holds_integers(file) else steps_louder(samples)
    return Recording(samples, seconds, rate, louder, Sound(largest, channels.swing, mono.swing))


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
    if not S_ISREG(status.st_mode):
        raise BrokenAudio(f"{path} is not a file; expected an audio file")
    if not status.st_size:
        raise BrokenAudio(f"{path} is an empty file; copy or download it again")
    return status


def opened(source: Path | int) -> "SoundFile":
    """A file or pipe opened by libsndfile; what this raises is one of `READING_ERRORS`, and says why."""
    import soundfile

    with _OPENING:
        return soundfile.SoundFile(source, closefd=False)


@contextmanager
def recording_file(path: Path, start: int = 0) -> Iterator["SoundFile"]:
    """A recording that is open for reading; what only ffmpeg reads comes through a pipe.

    Args:
        path: the file.
        start: the second at which a pipe begins; in a file, whoever reads has to go there.

    Raises:
        BrokenAudio: see `decode_recording`; also in place of what else goes wrong in reading from it.
    """
    file_status(path)
    try:
        with readable(path, start) as source, opened(source) as file:
            check_header(path, file.samplerate, file.extra_info)
            yield file
    except Unconverted as error:
        raise BrokenAudio(str(error)) from None
    except READING_ERRORS as error:
        raise unreadable(path, error) from None


def read_samples(path: Path, file: "SoundFile", most: int | None = None) -> Array:
    """The next samples of a recording as float32, shape `(n,)` or `(n, channels)`.

    Args:
        path: of the recording, for messages.
        file: opened by `recording_file`.
        most: how many to read at most; `None` is all there are.

    Raises:
        BrokenAudio: the recording ends before it says, or holds samples that are NaN or infinite.
    """
    integers = _holds_integers(file)
    kind = "int16" if integers else "float32"
    if file.seekable():
        expected = file.frames - file.tell()
        if most is not None:
            expected = min(most, expected)
        samples = file.read(expected, dtype=kind)
        if len(samples) < expected:
            raise cut_short(path, f"{file.tell()} of the {file.frames} samples its header announces")
    elif most is not None:
        samples = file.read(most, dtype=kind)
    else:
        parts = [file.read(_BLOCK, dtype=kind)]
        while len(parts[-1]):
            parts.append(file.read(_BLOCK, dtype=kind))
        samples = np.concatenate(parts)
    if integers:
        # libsndfile turns integers into floats slowly; the numbers are the same.
        samples = np.multiply(samples, np.float32(1 / 32768), dtype=np.float32)
    elif not np.isfinite(samples).all():
        raise BrokenAudio(f"{path} holds samples that are NaN or infinite; write the file again")
    found: Array = samples
    return found


def _holds_integers(file: "SoundFile") -> bool:
    return bool(file.subtype == "PCM_16")


def unreadable(path: Path, error: BaseException) -> BrokenAudio:
    """What one of `READING_ERRORS` means for the person who has the file."""
    reason = getattr(error, "error_string", one_line(error)).strip().rstrip(".")
    return BrokenAudio(f"{path} cannot be read as audio ({reason}); copy or download it again")


def check_header(path: Path, rate: int, log: str) -> None:
    """Refuse a file by what libsndfile says of its header.

    Raises:
        BrokenAudio: the rate is impossible, or the file is shorter than it announces.
    """
    if rate not in _RATES:
        raise BrokenAudio(f"{path} says that it has {rate} samples a second; expected {_RATES[0]:,} to {_RATES[-1]:,}")
    for expected, found in _SHORTENED.findall(log):
        if int(found) < int(expected) < _LENGTH_UNKNOWN:
            raise cut_short(path, f"{found} of the {expected} bytes its header announces")


def cut_short(path: Path, found: str) -> BrokenAudio:
    """The error for a file that ends too early."""
    return BrokenAudio(f"{path} is cut short: it holds {found}; copy or download it again")
