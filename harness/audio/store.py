"""Decoded audio kept on disk: every clip is decoded and resampled once."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from harness.audio.clip import Array, Clip, Pcm
from harness.audio.clip_index import (
    ENTRY,
    NOT_KEPT,
    ClipIndex,
    Entries,
    HeldClips,
    StoredClip,
    key_of,
    undamaged,
    unpacked,
)
from harness.audio.decoding import BrokenAudio
from harness.audio.long_recordings import PASSAGE
from harness.audio.rounding import Decoded, decoded, in_threads, long_piece
from harness.audio.sample_files import DamagedSamples, SampleFiles
from harness.errors import UserError
from harness.machine import Progress, cache_root, exclusive, silent

_log = logging.getLogger(__name__)

Keys = dict[Path, bytes]
"""By path what identifies each file in the state it is in."""

_PASSAGES = 4
"""Passages of long recordings that stay in memory."""

_NAMED = 5
"""Damaged clips that are named; of more there is one line only."""


class PcmStore:
    """Clips as 16-bit samples at one rate: an index, and files of samples that only grow.

    The entry of a clip is written after its samples. What a killed process leaves is never read, and finished clips are
    kept. Samples are checked whenever they are read; what is damaged is said, decoded again and put in place of the
    former. Long recordings are not kept but read from their files, passage by passage. A system always gets samples
    that were rounded to 16 bits, the first time as every later time.
    """

    def __init__(self, folder: Path, sample_rate: int) -> None:
        """Open a store; neither folder nor files need exist.

        Args:
            folder: where it is.
            sample_rate: Hz.
        """
        self.folder = folder
        self.sample_rate = sample_rate
        self._index = ClipIndex(folder / f"{sample_rate}hz.index")
        self._files = SampleFiles(folder, sample_rate)
        self._clips = HeldClips()
        self._damaged = 0

    @classmethod
    def of(cls, dataset: str, sample_rate: int) -> "PcmStore":
        """The store of a data set in the cache; there is one for each version of the decoder."""
        return cls(cache_root() / "pcm" / f"{dataset}-{decoder_version()}", sample_rate)

    def ensure(self, clips: Sequence[Clip], *, progress: Progress = silent) -> list[tuple[Clip, BrokenAudio]]:
        """Decode the clips that are not there yet. While another process does so, wait for it and use its samples.

        Args:
            clips: the clips that `read`, `length` and `digest` will be asked for.
            progress: opened for all clips; those already there count as done.

        Returns:
            The clips that cannot be decoded and why, in the order of `clips`.

        Raises:
            UserError: something is missing and the folder cannot be written, or the disk is full. What was decoded
                before is kept.
        """
        advance = progress("decode", len(clips))
        keys, broken = _keys(clips)
        missing = self._take(keys, say=True)
        advance(len(clips) - len(missing))
        if missing:
            with exclusive(self._lock, "decoded audio"):
                # Another process may have worked meanwhile.
                still_missing = self._take(missing)
                advance(len(missing) - len(still_missing))
                for path, problem in self._decode(still_missing):
                    if problem is not None:
                        broken[path] = problem
                    advance(1)
        return [(clip, broken[clip.path]) for clip in clips if clip.path in broken]

    def lacking(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips that `ensure` would have to decode, those that cannot be included."""
        keys, broken = _keys(clips)
        missing = {*self._take(keys), *broken}
        return [clip for clip in clips if clip.path in missing]

    def read(self, clip: Clip, start: int = 0, most: int | None = None) -> Array:
        """The clip as float32 in [-1, 1), shape `(n,)`. `ensure` must have succeeded for it, else `KeyError`.

        Args:
            clip: which.
            start: sample to begin at.
            most: how many samples to read at most; `None` is all there are.

        Raises:
            UserError: what was kept is damaged or is a long recording, and the file is broken or has changed.
        """
        stored = self._stored(clip)
        waveform = np.empty(_count(stored.length, start, most), np.float32)
        for begin, piece in self._pieces(clip, stored, start, start + len(waveform)):
            part = waveform[begin - start : begin - start + len(piece)]
            # Two fast passes: one that does both is slower.
            part[:] = piece
            part *= np.float32(2.0 ** -(15 + stored.louder))
        return waveform

    def read_pcm(self, clip: Clip) -> Pcm:
        """The clip as it is stored, int16, shape `(n,)`; see `read`.

        Only where `all_as_loud_as_kept`, 32,768 stands for 1.
        """
        stored = self._stored(clip)
        samples = np.empty(stored.length, np.int16)
        for begin, piece in self._pieces(clip, stored, 0, stored.length):
            samples[begin : begin + len(piece)] = piece
        return samples

    @property
    def all_as_loud_as_kept(self) -> bool:
        """Whether no clip that `ensure` was asked for is so quiet that it was made louder to be kept in 16 bits."""
        return self._clips.all_as_loud_as_kept

    def remarks(self, clips: Sequence[Clip]) -> list[tuple[Clip, str]]:
        """The clips that are silent, out of range or odd in another way, and the rest of a sentence that says how."""
        return [(clip, remark) for clip in clips if (remark := self._stored(clip).sound.remark) is not None]

    def length(self, clip: Clip) -> int:
        """Number of samples. `ensure` must have succeeded for the clip, else `KeyError`."""
        return self._stored(clip).length

    def digest(self, clips: Sequence[Clip]) -> str:
        """SHA-256 that identifies the samples of these clips in this order, as a system gets them.

        It is made of the rate and each clip's XXH3 (128 bits), a hash so fast that decoding is not slowed down by it.
        `ensure` must have succeeded for the clips, else `KeyError`.
        """
        return _sha256(str(self.sample_rate), *self._digests("digest", clips))

    def files_digest(self, clips: Sequence[Clip]) -> str:
        """SHA-256 that identifies the files these clips were decoded from; it does not depend on the rate."""
        return _sha256(*self._digests("file_digest", clips))

    @property
    def _lock(self) -> Path:
        return self.folder / f"{self.sample_rate}hz.lock"

    def _digests(self, field: str, clips: Sequence[Clip]) -> list[str]:
        digits = self._clips.of([clip.path for clip in clips])[field].tobytes().hex()
        return [digits[start : start + 32] for start in range(0, len(digits), 32)]

    def _stored(self, clip: Clip) -> StoredClip:
        return unpacked(self._clips.of([clip.path]).tobytes())

    def _take(self, keys: Keys, *, say: bool = False) -> Keys:
        """Look clips up in the index and hold the entries of those that are there and whole; return the others."""
        entries, there = self._index.find(list(keys.values()))
        places = entries["place"]
        kept = there & undamaged(entries) & ((places == NOT_KEPT) | self._files.hold(places, entries["length"]))
        if say and (damaged := int((there & ~kept).sum())):
            _log.warning("what is kept in %s of %d clips is damaged; it is decoded again", self.folder, damaged)
        self._clips.hold([path for path, whole in zip(keys, kept.tolist(), strict=True) if whole], entries[kept])
        return {path: key for (path, key), whole in zip(keys.items(), kept.tolist(), strict=True) if not whole}

    def _decode(self, keys: Keys) -> Iterator[tuple[Path, BrokenAudio | None]]:
        """Decode clips and keep them; yield each path, and what is wrong with its file, if anything."""
        added: dict[Path, Entries] = {}
        for path, result in in_threads(decoded, list(keys), self.sample_rate):
            if isinstance(result, BrokenAudio):
                yield path, result
            else:
                added[path] = self._keep(keys[path], result)
                yield path, None
        self._clips.hold(list(added), np.concatenate([np.zeros(0, ENTRY), *added.values()]))

    def _keep(self, key: bytes, clip: Decoded) -> Entries:
        place = NOT_KEPT if clip.samples is None else self._files.add(clip.samples, key)
        return self._index.add(
            StoredClip(key, place, clip.length, clip.digest, clip.file_digest, clip.louder, clip.sound)
        )

    def _pieces(self, clip: Clip, stored: StoredClip, start: int, stop: int) -> Iterator[tuple[int, Pcm]]:
        """Samples `start` to `stop` of a clip: the first's number, and a piece in memory that may be used again."""
        try:
            for piece in self._kept(clip, stored, start, stop):
                yield start, piece
                start += len(piece)
        except DamagedSamples as damage:
            self._say(clip, damage)
            yield start, self._decoded_again(clip, stored)[start:stop]

    def _kept(self, clip: Clip, stored: StoredClip, start: int, stop: int) -> Iterator[Pcm]:
        if stored.place != NOT_KEPT:
            return self._files.blocks(stored.place, stored.length, stored.key, start, stop)
        if key_of(clip.path) != stored.key:
            raise _changed(clip)
        return self._long(clip, stored.key, start, stop)

    def _long(self, clip: Clip, key: bytes, start: int, stop: int) -> Iterator[Pcm]:
        size = PASSAGE * self.sample_rate
        for number in range(start // size, -(-stop // size)):
            begin = number * size
            yield _passage(clip.path, key, self.sample_rate, number)[max(start - begin, 0) : stop - begin]

    def _say(self, clip: Clip, damage: DamagedSamples) -> None:
        self._damaged += 1
        if self._damaged <= _NAMED:
            _log.warning(
                "what is kept of %s in %s is damaged (%s); it is decoded again", clip.path, self.folder, damage
            )
        elif self._damaged == _NAMED + 1:
            _log.warning("more of what is kept in %s is damaged; it is decoded again as well", self.folder)

    def _decoded_again(self, clip: Clip, stored: StoredClip) -> Pcm:
        """The samples of a clip whose kept ones are damaged; they are kept in place of those where that is possible."""
        result = decoded(clip.path, self.sample_rate)
        if isinstance(result, BrokenAudio):
            raise result
        if result.samples is None or result.digest != stored.digest or key_of(clip.path) != stored.key:
            raise _changed(clip)
        with suppress(UserError), exclusive(self._lock, "decoded audio"):
            # Another process may have done so meanwhile.
            self._take({clip.path: stored.key})
            if self._stored(clip).place == stored.place:
                self._clips.hold([clip.path], self._keep(stored.key, result))
        return result.samples


# Parts that are read one after the other may overlap, and begin and end within a passage.
@lru_cache(_PASSAGES)
def _passage(path: Path, key: bytes, sample_rate: int, number: int) -> Pcm:  # noqa: ARG001
    """A passage of a long recording in the state that a key identifies."""
    return long_piece(path, sample_rate, number)


def _changed(clip: Clip) -> UserError:
    return UserError(f"{clip.path} has changed since this command looked at it first; run it again")


def _count(length: int, start: int, most: int | None) -> int:
    """How many of `length` samples there are from `start` on, at most `most`."""
    rest = max(length - start, 0)
    return rest if most is None else min(most, rest)


def decoder_version() -> str:
    """Eight characters that change with the decoding code and libraries, as these may give other samples."""
    import soundfile
    import soxr

    names = (
        "decoding",
        "ffmpeg",
        "sound_checks",
        "rounding",
        "long_recordings",
        "pieces",
        "clip_index",
        "sample_files",
    )
    code = (Path(__file__).with_name(f"{name}.py").read_text() for name in names)
    return _sha256(*code, soxr.__version__, soundfile.__libsndfile_version__)[:8]


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _keys(clips: Sequence[Clip]) -> tuple[Keys, dict[Path, BrokenAudio]]:
    """What identifies each file, by path, and what is wrong with those that have nothing to be decoded."""
    keys: Keys = {}
    broken: dict[Path, BrokenAudio] = {}
    for path in dict.fromkeys(clip.path for clip in clips):
        try:
            keys[path] = key_of(path)
        except BrokenAudio as error:
            broken[path] = error
    return keys, broken
