"""Recordings of any length and format from their beginning on, piece by piece: what an index of sounds is made of."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from harness.audio.clip import Array
from harness.audio.decoding import heard, read_samples, recording_file
from harness.audio.long_recordings import PASSAGE, passages_of
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
    skipped = start // PASSAGE
    with recording_file(path) as file:
        most = _AT_ONCE * file.samplerate
        if file.seekable() and file.frames > most:
            yield from passages_of(path, file, sample_rate, skipped)
            return
        begun = read_samples(path, file, most + 1)
        if len(begun) > most:
            yield from islice(passages_of(path, file, sample_rate, begun=begun), skipped, None)
            return
        recording = heard(path, file, begun, sample_rate)
        yield as_kept(recording.samples, recording.steps_louder)[start * sample_rate :]
