"""Long recordings: read passage by passage from their files, so that neither memory nor the store has to hold them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.audio.clip import Array
from harness.audio.decoding import READING_ERRORS, check_header, cut_short, opened, unreadable
from harness.machine import stage

if TYPE_CHECKING:
    from soundfile import SoundFile

LONG = 300
"""Seconds above which a recording is long."""

_REACHED_EXACTLY = ("PCM_", "VORBIS", "OPUS")

# Seconds; a passage is resampled with a margin before and after it, which is far more than the filter reaches, and than
# the decoder of an Ogg file takes to forget where it began. Both are whole seconds, so that a passage begins at a whole
# sample at every rate.
PASSAGE = 10
_MARGIN = 1


def is_long(path: Path) -> bool:
    """Whether a recording is long, and its samples are kept in a form in which any of them can be reached exactly.

    That is so of WAV, FLAC and AIFF files with whole numbers as samples, and of Ogg files. Others are decoded as
    a whole at any length. What cannot be opened is not long: decoding says what is wrong with it.
    """
    try:
        with opened(path) as file:
            return is_long_file(file)
    except READING_ERRORS:
        return False


def is_long_file(file: "SoundFile") -> bool:
    """See `is_long`."""
    return bool(file.frames > LONG * file.samplerate and file.subtype.startswith(_REACHED_EXACTLY))


def passages(path: Path, sample_rate: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
    """Samples `start` to `stop` of a recording, as one channel at the given rate, piece by piece.

    A sample is the same whichever passage is asked for: the recording is resampled in pieces of fixed bounds.

    Raises:
        BrokenAudio: see `decode`.
    """
    size = PASSAGE * sample_rate
    try:
        with opened(path) as file:
            check_header(path, file.samplerate, file.extra_info)
            numbers = range(start // size, -(-file.frames // (PASSAGE * file.samplerate)))
            for begin in (number * size for number in numbers):
                if stop is not None and begin >= stop:
                    return
                passage = _passage(file, path, begin // sample_rate, sample_rate)
                yield passage[max(start - begin, 0) : None if stop is None else stop - begin]
    except READING_ERRORS as error:
        raise unreadable(path, error) from None


def last_passage(path: Path) -> int:
    """The second at which the last passage of a recording begins."""
    with opened(path) as file:
        return int((file.frames - 1) // (PASSAGE * file.samplerate) * PASSAGE)


def _passage(file: "SoundFile", path: Path, second: int, sample_rate: int) -> Array:
    """The passage that begins at a second, resampled with a margin on either side that is cut off again."""
    import soxr

    rate = file.samplerate
    margin = min(second, _MARGIN)
    first, last = (second - margin) * rate, min((second + PASSAGE + _MARGIN) * rate, file.frames)
    with stage("decode"):
        file.seek(first)
        samples: Array = file.read(last - first, dtype="float32", always_2d=True).mean(axis=1)
    if len(samples) < last - first:
        raise cut_short(path, f"{first + len(samples)} of the {file.frames} samples its header announces")
    if rate != sample_rate:
        with stage("resample"):
            samples = soxr.resample(samples, rate, sample_rate, quality="HQ")
    passage = samples[margin * sample_rate :][: PASSAGE * sample_rate]
    return np.clip(passage, -1, 1, out=passage)
