"""From an audio file to the 16-bit samples that a system gets, and what identifies both."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audio.clip import Array, Pcm
from harness.audio.decoding import BrokenAudio, decode_recording
from harness.audio.long_recordings import PASSAGE, is_long, last_passage, passages
from harness.audio.sound_checks import Sound, extent
from harness.machine import usable_cores

_PIECE = 1 << 14


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


def decoded(path: Path, sample_rate: int, *, by_end: bool = False) -> Decoded | BrokenAudio:
    """The clip decoded, or what is wrong with the file; of a long recording only the end, where that is to do."""
    import xxhash

    try:
        if is_long(path):
            return _by_end(path, sample_rate) if by_end else _decoded_in_passages(path, sample_rate)
        recording = decode_recording(path, sample_rate)
        louder = recording.steps_louder
        samples = rounded(recording.samples, louder)
        # The same numbers stand for another sound where they were made louder.
        digest = xxhash.xxh3_128_digest(samples.data, seed=louder)
        return Decoded(samples, len(samples), digest, _file_digest(path), louder, recording.sound)
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
    return Decoded(None, length, digest.digest(), _file_digest(path), 0, Sound(largest, swing, swing))


def _by_end(path: Path, sample_rate: int) -> Decoded:
    """A long recording that is known by the bytes of its file, and of which only the end is decoded for now."""
    begin = last_passage(path) * sample_rate
    (end,) = passages(path, sample_rate, begin)
    found, file_digest = extent(end), _file_digest(path)
    return Decoded(None, begin + len(end), file_digest, file_digest, 0, Sound(found.largest, found.swing, found.swing))


def _file_digest(path: Path) -> bytes:
    import xxhash

    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).digest()


def decoded_in_threads(
    paths: Sequence[Path], sample_rate: int, *, by_end: bool = False
) -> Iterator[tuple[Path, Decoded | BrokenAudio]]:
    """Clips as `decoded`, in threads, each with its path: in the order of the paths, few at a time in memory."""
    waiting: deque[tuple[Path, Future[Decoded | BrokenAudio]]] = deque()
    workers = usable_cores()
    with ThreadPoolExecutor(workers) as pool:
        for path in paths:
            waiting.append((path, pool.submit(decoded, path, sample_rate, by_end=by_end)))
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
    # In pieces that stay in the processor's own cache.
    for start in range(0, len(waveform), _PIECE):
        piece = waveform[start : start + _PIECE]
        piece *= np.float32(2.0 ** (15 + louder))
        np.rint(piece, out=piece)
        # `np.minimum` takes several times as long.
        pcm[start : start + _PIECE] = np.clip(piece, -32768, 32767, out=piece)
    return pcm
