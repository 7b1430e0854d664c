"""Long recordings: read passage by passage from their files, so that neither memory nor the store has to hold them."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.audio.clip import Array
from harness.audio.decoding import read_samples, recording_file
from harness.audio.sound_checks import extent, integer_scale
from harness.machine import stage

if TYPE_CHECKING:
    from soundfile import SoundFile

LONG = 300
"""Seconds above which a recording is long."""

_REACHED_EXACTLY = ("PCM_", "VORBIS", "OPUS")
_MAY_HOLD_INTEGERS = ("FLOAT", "DOUBLE")

# Seconds; a passage is resampled with a margin before and after it, which is far more than the filter reaches, and than
# the decoder of an Ogg file takes to forget where it began. Both are whole seconds, so that a passage begins at a whole
# sample at every rate.
PASSAGE = 10
MARGIN = 1

_BLOCK = 1 << 18


def is_long(file: "SoundFile") -> bool:
    """Whether a recording is long, and its samples are kept in a form in which any of them can be reached exactly.

    That is so of WAV, FLAC and AIFF files with whole numbers as samples, and of Ogg files. Others are decoded as
    a whole at any length.
    """
    return bool(file.frames > LONG * file.samplerate and _is_reached_exactly(file))


def passages(path: Path, sample_rate: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
    """Samples `start` to `stop` of a recording, as one channel at the given rate, piece by piece.

    A sample is the same whichever passage is asked for: the recording is resampled in pieces of fixed bounds.

    Raises:
        BrokenAudio: see `decode`.
    """
    size = PASSAGE * sample_rate
    first, last = start // size, None if stop is None else -(-stop // size)
    with recording_file(path) as file:
        for number, passage in enumerate(passages_of(path, file, sample_rate, first, last), first):
            begin = number * size
            yield passage[max(start - begin, 0) : None if stop is None else stop - begin]


def passages_of(
    path: Path, file: "SoundFile", sample_rate: int, first: int = 0, last: int | None = None, begun: Array | None = None
) -> Iterator[Array]:
    """Passages of a recording, from number `first` to before number `last`; each sample is decoded once.

    Args:
        path: of the recording, for messages.
        file: opened by `recording_file`; a pipe begins where the first passage does, or its margin.
        sample_rate: Hz wanted.
        first: a passage; in a file in which it cannot be reached otherwise, what is before it is decoded, too.
        last: a passage; `None` goes on to the end.
        begun: samples that were read from the beginning of the file.
    """
    import soxr

    rate, margin = file.samplerate, min(first, 1) * MARGIN
    with stage("decode"):
        scale = _scale(file)
        held = np.zeros(0, np.float32) if begun is None else _mixed(begun)
        _go_to(path, file, first * PASSAGE - margin)
    for _ in count() if last is None else range(first, last):
        size = (margin + PASSAGE + MARGIN) * rate
        if len(held) < size:
            with stage("decode"):
                held = np.concatenate([held, _mixed(read_samples(path, file, size - len(held)), scale)])
        if len(held) <= margin * rate:
            return
        samples = held[:size]
        if rate != sample_rate:
            with stage("resample"):
                samples = soxr.resample(samples, rate, sample_rate, quality="HQ")
        passage = samples[margin * sample_rate :][: PASSAGE * sample_rate]
        # What was not resampled is a part of the next passage's margin, too.
        yield np.clip(passage, -1, 1, out=None if rate == sample_rate else passage)
        held = held[(margin + PASSAGE - MARGIN) * rate :]
        margin = MARGIN


def _is_reached_exactly(file: "SoundFile") -> bool:
    return bool(file.subtype.startswith(_REACHED_EXACTLY))


def _go_to(path: Path, file: "SoundFile", second: int) -> None:
    if not file.seekable():
        return
    if second > 0 and _is_reached_exactly(file):
        file.seek(min(second * file.samplerate, file.frames))
        return
    for begin in range(0, second, PASSAGE):
        read_samples(path, file, min(PASSAGE, second - begin) * file.samplerate)


def _scale(file: "SoundFile") -> float:
    """What full scale is in a file: where it may hold integers written as floats, all of them are looked at first."""
    if file.subtype not in _MAY_HOLD_INTEGERS or not file.seekable():
        return 1.0
    loudest = max((extent(block).largest for block in file.blocks(_BLOCK, dtype="float32")), default=0.0)
    file.seek(0)
    return integer_scale(loudest)


def _mixed(samples: Array, scale: float = 1.0) -> Array:
    mono: Array = samples.mean(axis=1) if samples.ndim == 2 else samples
    return mono if scale == 1 else mono / np.float32(scale)
