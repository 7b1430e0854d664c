"""The samples of decoded clips, in files of at most 4 GB, in blocks that each carry a checksum."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.audio.clip import Pcm
from harness.machine import append

FILE_SIZE = 4_000_000_000
"""The most bytes in a file; only a clip that is longer has a longer one, for itself."""

BLOCK = 1 << 15
"""Samples in a block: so few that they stay in the processor's cache between their check and their use."""

_CHECK = 8

Count = TypeVar("Count", int, NDArray[np.uint64])


class DamagedSamples(Exception):  # noqa: N818
    """Samples are not what was written; the message says how."""


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """The samples at one rate.

    A place is a file's number times `FILE_SIZE`, plus the offset in the file. A clip lies there as its blocks, each
    after an XXH3 of its samples. The key of the clip and the number of the block enter into that, so that whole blocks
    of something else are found out too.

    Attributes:
        folder: where the files are.
        sample_rate: Hz, for the names of the files.
    """

    folder: Path
    sample_rate: int

    def add(self, samples: Pcm, key: bytes) -> int:
        """Write the samples of a clip, and return their place; the caller holds the lock.

        Raises:
            OSError: they cannot be written; the file is as it was.
        """
        size, number = stored_size(len(samples)), 0
        while 0 < self._size(number) > FILE_SIZE - size:
            number += 1
        parts: list[bytes | memoryview] = []
        for index, first in enumerate(range(0, len(samples), BLOCK)):
            block = samples[first : first + BLOCK].data.cast("B")
            parts += [_check(block, key, index), block]
        return number * FILE_SIZE + append(self._file(number), parts)

    def hold(self, places: NDArray[np.uint64], lengths: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Of clips, at these places and of so many samples each, whether the files are long enough to hold them."""
        numbers, offsets = np.divmod(places, np.uint64(FILE_SIZE))
        different, which = np.unique(numbers, return_inverse=True)
        sizes = np.array([self._size(number) for number in different.tolist()], np.uint64)
        return offsets + stored_size(lengths) <= sizes[which]

    def blocks(self, place: int, length: int, key: bytes, start: int, stop: int) -> Iterator[Pcm]:
        """Read samples `start` to `stop` of a clip of `length` samples, block by block.

        Yields:
            The next samples, in memory that is used again for those after them.

        Raises:
            DamagedSamples: what is there is not what was written.
        """
        number, offset = divmod(place, FILE_SIZE)
        buffer = memoryview(bytearray(_CHECK + 2 * BLOCK))
        first = start // BLOCK
        try:
            with self._file(number).open("rb", buffering=0) as file:
                file.seek(offset + first * len(buffer))
                for index in range(first, -(-stop // BLOCK)):
                    begin = index * BLOCK
                    block = buffer[: stored_size(min(BLOCK, length - begin))]
                    if file.readinto(block) != len(block):
                        raise DamagedSamples("cut short")
                    if _check(block[_CHECK:], key, index) != block[:_CHECK]:
                        raise DamagedSamples("changed")
                    yield np.frombuffer(block, np.int16, offset=_CHECK)[max(start - begin, 0) : stop - begin]
        except OSError as error:
            raise DamagedSamples(error.strerror or str(error)) from error

    def _file(self, number: int) -> Path:
        return self.folder / f"{self.sample_rate}hz-{number:04}.int16"

    def _size(self, number: int) -> int:
        try:
            return self._file(number).stat().st_size
        except OSError:
            return 0


def stored_size(length: Count) -> Count:
    """The bytes that so many samples take, for one clip or for each of several."""
    return 2 * length + (length + BLOCK - 1) // BLOCK * _CHECK


def _check(block: memoryview, key: bytes, index: int) -> bytes:
    import xxhash

    seed = int.from_bytes(key[:8], "little") + index & (1 << 64) - 1
    digest: bytes = xxhash.xxh3_64_digest(block, seed)
    return digest
