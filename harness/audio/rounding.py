"""From an audio file to the 16-bit samples that a system gets, and what identifies both."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audio.clip import Array, Pcm
from harness.audio.decoding import BrokenAudio, decode
from harness.audio.long_recordings import is_long, passages
from harness.machine import usable_cores

_PIECE = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A clip's samples, rounded to 16 bits, and digests.

    Attributes:
        samples: all of them; `None` of a long recording, which is read from its file each time.
        length: number of samples.
        digest: XXH3 of the samples, 16 bytes.
        file_digest: XXH3 of the file they come from, 16 bytes.
    """

    samples: Pcm | None
    length: int
    digest: bytes
    file_digest: bytes


def decoded(path: Path, sample_rate: int) -> Decoded | BrokenAudio:
    """The clip decoded, or what is wrong with the file."""
    import xxhash

    try:
        long = is_long(path)
        pieces = long_pieces(path, sample_rate) if long else iter([rounded(decode(path, sample_rate))])
        digest, length = xxhash.xxh3_128(), 0
        for piece in pieces:
            digest.update(piece.data)
            length += len(piece)
        with path.open("rb") as file:
            file_digest = hashlib.file_digest(file, xxhash.xxh3_128).digest()
    except BrokenAudio as error:
        return error
    except OSError as error:
        return BrokenAudio(f"{path} cannot be read: {error.strerror}; check its path and its permissions")
    return Decoded(None if long else piece, length, digest.digest(), file_digest)


def decoded_in_threads(paths: Sequence[Path], sample_rate: int) -> Iterator[tuple[Path, Decoded | BrokenAudio]]:
    """Clips decoded in threads, each with its path: in the order of the paths, and few of them at a time in memory."""
    waiting: deque[tuple[Path, Future[Decoded | BrokenAudio]]] = deque()
    workers = usable_cores()
    with ThreadPoolExecutor(workers) as pool:
        for path in paths:
            waiting.append((path, pool.submit(decoded, path, sample_rate)))
            if len(waiting) > 2 * workers:
                first, result = waiting.popleft()
                yield first, result.result()
        for first, result in waiting:
            yield first, result.result()


def long_pieces(path: Path, sample_rate: int, start: int = 0, stop: int | None = None) -> Iterator[Pcm]:
    """Samples `start` to `stop` of a long recording, as they would be kept, piece by piece.

    Raises:
        BrokenAudio: see `decode`.
    """
    for passage in passages(path, sample_rate, start, stop):
        yield rounded(passage)


def rounded(waveform: Array) -> Pcm:
    """A waveform in [-1, 1], which is used up, as 16-bit samples."""
    pcm = np.empty(len(waveform), np.int16)
    # In pieces that stay in the processor's own cache.
    for start in range(0, len(waveform), _PIECE):
        piece = waveform[start : start + _PIECE]
        piece *= 32768
        np.rint(piece, out=piece)
        pcm[start : start + _PIECE] = np.minimum(piece, 32767, out=piece)
    return pcm
