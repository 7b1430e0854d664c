"""From an audio file to the 16-bit samples that a system gets, and what identifies both."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from harness.audio.clip import Array, Pcm
from harness.audio.decoding import BrokenAudio, heard, read_samples, recording_file
from harness.audio.long_recordings import PASSAGE, is_long, passages
from harness.audio.sound_checks import Sound, extent
from harness.machine import stage, usable_cores

Result = TypeVar("Result")

_PIECE = 1 << 18
"""Samples that stay in a core's own cache; of smaller pieces threads wait for Python's lock more often."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A clip's samples, rounded to 16 bits, and digests.

    Attributes:
        samples: all of them; `None` of a long recording, which is read from its file each time.
        length: number of samples.
        digest: XXH3 of the samples, 16 bytes; of samples that were made louder another one than of others.
        file_digest: XXH3 of the file they come from, 16 bytes.
        louder: how many times the samples were doubled before they were rounded.
        sound: what they are like.
    """

    samples: Pcm | None
    length: int
    digest: bytes
    file_digest: bytes
    louder: int
    sound: Sound


def decoded(path: Path, sample_rate: int) -> Decoded | BrokenAudio:
    """The clip decoded, or what is wrong with the file."""
    import xxhash

    try:
        with stage("decode"), recording_file(path) as file:
            recording = None if is_long(file) else heard(path, file, read_samples(path, file), sample_rate)
        if recording is None:
            return _decoded_in_passages(path, sample_rate)
        louder = recording.steps_louder
        samples = rounded(recording.samples, louder)
        # The same numbers stand for another sound where they were made louder.
        digest = xxhash.xxh3_128_digest(samples.data, seed=louder)
        return Decoded(samples, len(samples), digest, file_digest(path), louder, recording.sound)
    except BrokenAudio as error:
        return error
    except OSError as error:
        return BrokenAudio(f"{path} cannot be read: {error.strerror}; check its path and its permissions")


def _decoded_in_passages(path: Path, sample_rate: int) -> Decoded:
    """A long recording, of which little is in memory at a time; channels that cancel each other are not noticed."""
    import xxhash

    digest, length, largest, swing = xxhash.xxh3_128(), 0, 0.0, 0.0
    for passage in passages(path, sample_rate):
        found = extent(passage)
        largest, swing = max(largest, found.largest), max(swing, found.swing)
        digest.update(rounded(passage).data)
        length += len(passage)
    return Decoded(None, length, digest.digest(), file_digest(path), 0, Sound(largest, swing, swing))


def file_digest(path: Path) -> bytes:
    """XXH3 of a file, 16 bytes."""
    import xxhash

    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).digest()


def in_threads(
    work: Callable[[Path, int], Result | BrokenAudio], paths: Sequence[Path], sample_rate: int
) -> Iterator[tuple[Path, Result | BrokenAudio]]:
    """The results of `work(path, sample_rate)`, each with its path: in the order of the paths, few at a time."""
    waiting: deque[tuple[Path, Future[Result | BrokenAudio]]] = deque()
    workers = usable_cores()
    with ThreadPoolExecutor(workers) as pool:
        for path in paths:
            waiting.append((path, pool.submit(work, path, sample_rate)))
            if len(waiting) > 2 * workers:
                first, result = waiting.popleft()
                yield first, result.result()
        for first, result in waiting:
            yield first, result.result()


def long_piece(path: Path, sample_rate: int, number: int) -> Pcm:
    """The `PASSAGE` seconds of a long recording from `number` times as many on, as they would be kept.

    Raises:
        BrokenAudio: see `decode`.
    """
    size = PASSAGE * sample_rate
    (passage,) = passages(path, sample_rate, number * size, (number + 1) * size)
    return rounded(passage)


def rounded(waveform: Array, louder: int = 0) -> Pcm:
    """A waveform in [-1, 1] as 16-bit samples, doubled `louder` times before; they take the memory that it had."""
    # A sample takes half the bytes that it took, so that none is written over before it is read.
    pcm = waveform.view(np.int16)[: len(waveform)]
    for start in range(0, len(waveform), _PIECE):
        piece = waveform[start : start + _PIECE]
        piece *= np.float32(2.0 ** (15 + louder))
        np.rint(piece, out=piece)
        # `np.minimum` takes several times as long.
        pcm[start : start + _PIECE] = np.clip(piece, -32768, 32767, out=piece)
    return pcm


def as_kept(waveform: Array, louder: int = 0) -> Array:
    """A waveform in [-1, 1], in place, with the numbers that it has when it was `rounded` to 16 bits and read again."""
    # Beside this number the steps of float32 are those of 16 bits.
    beside = np.float32(384 * 2.0**-louder)
    step = 2.0 ** -(15 + louder)
    for start in range(0, len(waveform), _PIECE):
        piece = waveform[start : start + _PIECE]
        piece += beside
        piece -= beside
        np.clip(piece, -32768 * step, 32767 * step, out=piece)
    return waveform
