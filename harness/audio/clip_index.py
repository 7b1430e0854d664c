"""The index of the decoded clips in a folder: an entry of 88 bytes for each, in a file that only grows."""

import struct
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from os import fsencode
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.audio.decoding import file_status
from harness.audio.sound_checks import Sound
from harness.machine import append

Entries = NDArray[np.void]
"""Entries of the index, shape `(n,)`, of the type `ENTRY`."""

ENTRY = np.dtype(
    {
        "names": ["key", "place", "length", "digest", "file_digest", "louder", "sound", "check"],
        "formats": [("<u8", 2), "<u8", "<u8", "V16", "V16", "<i4", ("<f4", 3), "<u8"],
    }
)
_PACKED = struct.Struct("<16sQQ16s16si3f")
_CHECK = struct.Struct("<Q")

NOT_KEPT = (1 << 64) - 1
"""The place of a clip whose samples are not kept: they are read from its file each time."""


@dataclass(frozen=True, slots=True)
class StoredClip:
    """What the index says of a clip.

    Attributes:
        key: 16 bytes that identify the file in the state in which it was decoded.
        place: where the samples are kept, or `NOT_KEPT`.
        length: number of samples.
        digest: XXH3 of the samples, 16 bytes.
        file_digest: XXH3 of the file, 16 bytes.
        louder: how many times the samples were doubled before they were rounded.
        sound: what they are like.
    """

    key: bytes
    place: int
    length: int
    digest: bytes
    file_digest: bytes
    louder: int
    sound: Sound

    def packed(self) -> bytes:
        """The entry as it is written, with a check of its own at the end."""
        fields = _PACKED.pack(
            self.key, self.place, self.length, self.digest, self.file_digest, self.louder, *astuple(self.sound)
        )
        return fields + _CHECK.pack(_hash(fields))


def unpacked(entry: bytes) -> StoredClip:
    """What an entry says."""
    key, place, length, digest, file_digest, louder, *sound = _PACKED.unpack_from(entry)
    return StoredClip(key, place, length, digest, file_digest, louder, Sound(*sound))


def undamaged(entries: Entries) -> NDArray[np.bool_]:
    """Which entries are as they were written."""
    packed = (entry.tobytes() for entry in entries)
    return np.array([_CHECK.pack(_hash(one[: _PACKED.size])) == one[_PACKED.size :] for one in packed], bool)


@dataclass(frozen=True, slots=True)
class ClipIndex:
    """The index in a file.

    It is read as a whole, which takes a fraction of a second for half a million clips, and forgotten: only what was
    asked for stays in memory. Of a key that is there twice the later entry counts. An entry that was cut is as if it
    were not there.
    """

    file: Path

    def find(self, keys: Sequence[bytes]) -> tuple[Entries, NDArray[np.bool_]]:
        """Look clips up.

        Returns:
            Their entries, and which of them are there; the others' are anything. See `undamaged`.
        """
        found, there = np.zeros(len(keys), ENTRY), np.zeros(len(keys), bool)
        entries = self._read()
        if not len(keys):
            return found, there
        wanted, kept = np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2), entries["key"][:, 0]
        # Sorting all takes longest, where a few clips of half a million are asked for, as by a worker for its shard.
        asked = np.zeros(1 << 16, bool)
        asked[wanted[:, 0] % len(asked)] = True
        near = np.flatnonzero(asked[kept % len(asked)])
        if not len(near):
            return found, there
        order = near[np.argsort(kept[near], kind="stable")]
        last = np.searchsorted(kept[order], wanted[:, 0], side="right") - 1
        found[:] = entries[order[last]]
        there[:] = (found["key"] == wanted).all(axis=1)
        return found, there

    def add(self, clip: StoredClip) -> Entries:
        """Write an entry behind the others, over what a killed process left there of one; the caller holds the lock.

        Raises:
            OSError: it cannot be written; the file is as it was.
        """
        packed = clip.packed()
        append(self.file, [packed], ENTRY.itemsize)
        return np.frombuffer(packed, ENTRY)

    def _read(self) -> Entries:
        try:
            return np.fromfile(self.file, ENTRY)
        except OSError:
            # Writing will say what is wrong with the place.
            return np.zeros(0, ENTRY)


class HeldClips:
    """The entries of those clips that a process asked for, by path, in little memory."""

    def __init__(self) -> None:
        # Hashes of the paths in ascending order, and their entries; replaced together, as threads may read them.
        self._held: tuple[NDArray[np.uint64], Entries] = np.zeros(0, np.uint64), np.zeros(0, ENTRY)

    @property
    def all_as_loud_as_kept(self) -> bool:
        """Whether no clip was made louder to be kept."""
        return not self._held[1]["louder"].any()

    def hold(self, paths: Sequence[Path], entries: Entries) -> None:
        """Hold the entries of these paths, in place of former ones."""
        held, held_entries = self._held
        hashes, first = np.unique(np.concatenate([_hashes(paths), held]), return_index=True)
        self._held = hashes, np.concatenate([entries, held_entries])[first]

    def of(self, paths: Sequence[Path]) -> Entries:
        """The entries of these paths.

        Raises:
            KeyError: that of a path is not held.
        """
        held, entries = self._held
        hashes = _hashes(paths)
        rows = held.searchsorted(hashes)
        for path, row, wanted in zip(paths, rows.tolist(), hashes.tolist(), strict=True):
            if row == len(held) or held[row] != wanted:
                raise KeyError(path)
        return entries[rows]


def key_of(path: Path) -> bytes:
    """16 bytes that identify a file in its state: path, size, times of the last change of content and of status.

    A file that changes gets another key, even where a copying tool has set back the time of the change of content.

    Raises:
        BrokenAudio: there is no such file, or it is empty.
    """
    import xxhash

    status = file_status(path)
    state = f"\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}"
    key: bytes = xxhash.xxh3_128_digest(fsencode(path.absolute()) + state.encode())
    return key


def _hashes(paths: Sequence[Path]) -> NDArray[np.uint64]:
    import xxhash

    return np.array([xxhash.xxh3_64_intdigest(fsencode(path)) for path in paths], np.uint64)


def _hash(data: bytes) -> int:
    import xxhash

    digest: int = xxhash.xxh3_64_intdigest(data)
    return digest
