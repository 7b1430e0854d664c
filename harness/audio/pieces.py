"""Recordings of any length and format from their beginning on, piece by piece: what an index of sounds is made of."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.audio.clip import Array
from harness.audio.decoding import heard, read_samples, recording_file
from harness.audio.long_recordings import MARGIN, PASSAGE, passages_of
from harness.audio.rounding import as_kept

_AT_ONCE = 60
"""Seconds of a recording that are decoded at once, where there are no more."""


def pieces(path: Path, sample_rate: int, start: int = 0) -> Iterator[Array]:
    """A recording as one channel, float32 in [-1, 1].

    One of up to a minute is a single piece, with the very samples that a `PcmStore` gives. A longer one comes in
    passages, of which few are in memory, and each of its samples is decoded once.

    Args:
        path: the file.
        sample_rate: Hz wanted.
        start: the second to begin at, a multiple of `PASSAGE`.

    Raises:
        BrokenAudio: see `decode_recording`. What is wrong far within a long recording is found there.
    """
    with recording_file(path, max(start - MARGIN, 0)) as file:
        most = _AT_ONCE * file.samplerate
        if start or (file.seekable() and file.frames > most):
            yield from passages_of(path, file, sample_rate, start // PASSAGE)
            return
        begun = read_samples(path, file, most + 1)
        if len(begun) > most:
            yield from passages_of(path, file, sample_rate, begun=begun)
            return
        recording = heard(path, file, begun, sample_rate)
        yield as_kept(recording.samples, recording.steps_louder)


def stretch(path: Path, sample_rate: int, first: float, last: float) -> Array:
    """What is heard of a recording from one second to another; see `pieces`. Where it ends before, it is less."""
    begin = int(first // PASSAGE) * PASSAGE
    start, stop = round((first - begin) * sample_rate), round((last - begin) * sample_rate)
    held, length = [np.zeros(0, np.float32)], 0
    for piece in pieces(path, sample_rate, begin):
        held.append(piece)
        length += len(piece)
        if length >= stop:
            break
    return np.concatenate(held)[start:stop]
