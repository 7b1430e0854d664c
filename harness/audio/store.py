"""Decoded audio kept on disk: every clip is decoded and resampled once."""

import hashlib
import json
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audio.clip import Array, Clip, Pcm
from harness.audio.decoding import BrokenAudio, decode_recording, file_status
from harness.audio.sound_checks import Sound
from harness.machine import Progress, cache_root, exclusive, silent, usable_cores

Key = tuple[str, int, int, int]
"""Path, size in bytes, and the times of the last change of content and of status, in nanoseconds. A file that changes
gets another key, even where a copying tool has set back the time of the change of content."""

_PIECE = 1 << 14


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where a clip lies in the samples file, digests of its samples and of the file they come from, and its sound."""

    start: int
    length: int
    digest: str
    file_digest: str
    sound: Sound


class PcmStore:
    """Clips as 16-bit samples at one rate, all in one file that only grows.

    The index has a line per clip, written after the clip's samples. What a killed process leaves behind its last whole
    line is ignored and overwritten, so that finished clips are kept and unfinished ones are never read. A system always
    gets samples that were rounded to 16 bits, the first time as every later time.
    """

    def __init__(self, folder: Path, sample_rate: int) -> None:
        """Open the store of `sample_rate` Hz in `folder`; neither folder nor files need exist."""
        self.folder = folder
        self.sample_rate = sample_rate
        self._samples_file = folder / f"{sample_rate}hz.int16"
        self._index_file = folder / f"{sample_rate}hz.jsonl"
        self._keys: dict[Path, Key] = {}
        self._stored: dict[Key, _Stored] = {}
        self._samples: Pcm = np.zeros(0, np.int16)
        self._samples_end = 0
        self._index_end = 0
        self._load()

    @classmethod
    def of(cls, dataset: str, sample_rate: int) -> "PcmStore":
        """The store of a data set in the cache; there is one for each version of the decoder."""
        return cls(cache_root() / "pcm" / f"{dataset}-{_decoder()}", sample_rate)

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
        broken: dict[Path, BrokenAudio] = {}
        paths = list(dict.fromkeys(clip.path for clip in clips))
        for path in paths:
            try:
                self._keys[path] = _key(path)
            except BrokenAudio as error:
                broken[path] = error
        missing = self._missing([path for path in paths if path not in broken])
        advance(len(clips) - len(missing))
        if missing:
            with exclusive(self.folder / f"{self.sample_rate}hz.lock", "decoded audio"):
                self._load()
                still_missing = self._missing(missing)
                advance(len(missing) - len(still_missing))
                for path, problem in self._append(still_missing):
                    if problem is not None:
                        broken[path] = problem
                    advance(1)
        return [(clip, broken[clip.path]) for clip in clips if clip.path in broken]

    def read(self, clip: Clip, start: int = 0, most: int | None = None) -> Array:
        """The clip as float32 in [-1, 1), shape `(n,)`. `ensure` must have succeeded for it, else `KeyError`.

        Args:
            clip: which.
            start: sample to begin at.
            most: how many samples to read at most; `None` is all there are.
        """
        pcm = self._view(clip, start, most)
        # Two fast passes: one that does both is slower.
        waveform: Array = pcm.astype(np.float32)
        waveform *= np.float32(2.0 ** -(15 + self._entry(clip).sound.louder))
        return waveform

    def read_pcm(self, clip: Clip) -> Pcm:
        """The clip as it is stored, int16, shape `(n,)`, read-only. `ensure` must have succeeded for it.

        Only where `all_as_loud_as_kept`, 32,768 stands for 1.
        """
        return self._view(clip)

    @property
    def all_as_loud_as_kept(self) -> bool:
        """Whether no clip that `ensure` was asked for is so quiet that it was made louder to be kept in 16 bits."""
        return not any(self._stored[key].sound.louder for key in self._keys.values() if key in self._stored)

    def remarks(self, clips: Sequence[Clip]) -> list[tuple[Clip, str]]:
        """The clips that are silent, out of range or odd in another way, and the rest of a sentence that says how."""
        return [(clip, remark) for clip in clips if (remark := self._entry(clip).sound.remark) is not None]

    def _entry(self, clip: Clip) -> _Stored:
        return self._stored[self._keys[clip.path]]

    def _view(self, clip: Clip, start: int = 0, most: int | None = None) -> Pcm:
        stored = self._stored[self._keys[clip.path]]
        if stored.start + stored.length > len(self._samples):
            self._samples = np.memmap(self._samples_file, np.int16, "r", shape=(self._samples_end,)).view(np.ndarray)
        end = stored.length if most is None else min(start + most, stored.length)
        return self._samples[stored.start + start : stored.start + end]

    def length(self, clip: Clip) -> int:
        """Number of samples. `ensure` must have succeeded for the clip, else `KeyError`."""
        return self._stored[self._keys[clip.path]].length

    def digest(self, clips: Sequence[Clip]) -> str:
        """SHA-256 that identifies the samples of these clips in this order, as a system gets them.

        It is made of the rate and each clip's XXH3 (128 bits), a hash so fast that decoding is not slowed down by it.
        `ensure` must have succeeded for the clips, else `KeyError`.
        """
        return _sha256(str(self.sample_rate), *(self._stored[self._keys[clip.path]].digest for clip in clips))

    def files_digest(self, clips: Sequence[Clip]) -> str:
        """SHA-256 that identifies the files these clips were decoded from; it does not depend on the rate."""
        return _sha256(*(self._stored[self._keys[clip.path]].file_digest for clip in clips))

    def _missing(self, paths: Sequence[Path]) -> list[Path]:
        return [path for path in paths if self._keys[path] not in self._stored]

    def _load(self) -> None:
        """Read the index up to the first line that is cut, or whose samples are not there."""
        self._stored.clear()
        self._samples = np.zeros(0, np.int16)
        self._samples_end = 0
        self._index_end = 0
        try:
            available = self._samples_file.stat().st_size // 2
            lines = self._index_file.read_bytes().splitlines(keepends=True)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            lines = []
        for line in lines:
            try:
                entry = json.loads(line)
                key = (entry["path"], entry["size"], entry["mtime_ns"], entry["ctime_ns"])
                stored = _Stored(
                    self._samples_end,
                    entry["length"],
                    entry["xxh128"],
                    entry["file_xxh128"],
                    Sound.unpacked(bytes.fromhex(entry["sound"])),
                )
            except (ValueError, KeyError, TypeError, struct.error):
                break
            if not line.endswith(b"\n") or stored.start + stored.length > available:
                break
            self._stored[key] = stored
            self._samples_end += stored.length
            self._index_end += len(line)

    def _append(self, paths: Sequence[Path]) -> Iterator[tuple[Path, BrokenAudio | None]]:
        """Decode clips and add them to the files; yield each path, and what is wrong with its file, if anything."""
        with self._samples_file.open("ab") as samples, self._index_file.open("ab") as index:
            samples.truncate(2 * self._samples_end)
            index.truncate(self._index_end)
            for path, result in _in_threads(paths, self.sample_rate):
                if isinstance(result, BrokenAudio):
                    yield path, result
                    continue
                pcm = result.samples
                key = self._keys[path]
                entry = dict(zip(("path", "size", "mtime_ns", "ctime_ns"), key, strict=True))
                entry |= {"length": len(pcm), "xxh128": result.digest, "file_xxh128": result.file_digest}
                entry["sound"] = result.sound.packed().hex()
                line = json.dumps(entry).encode() + b"\n"
                samples.write(pcm.data)
                samples.flush()
                index.write(line)
                index.flush()
                self._stored[key] = _Stored(
                    self._samples_end, len(pcm), result.digest, result.file_digest, result.sound
                )
                self._samples_end += len(pcm)
                self._index_end += len(line)
                yield path, None


def _decoder() -> str:
    """Eight characters that change with the decoding code and libraries, as these may give other samples."""
    import soundfile
    import soxr

    code = (
        Path(__file__).with_name(name).read_text()
        for name in ("decoding.py", "ffmpeg.py", "sound_checks.py", "store.py")
    )
    return _sha256(*code, soxr.__version__, soundfile.__libsndfile_version__)[:8]


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _key(path: Path) -> Key:
    status = file_status(path)
    return str(path.absolute()), status.st_size, status.st_mtime_ns, status.st_ctime_ns


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """A clip's samples, rounded to 16 bits, their digest, and the digest of the file they come from."""

    samples: Pcm
    digest: str
    file_digest: str
    sound: Sound


def _pcm(path: Path, sample_rate: int) -> _Decoded | BrokenAudio:
    """The clip decoded, or what is wrong with the file."""
    import xxhash

    try:
        recording = decode_recording(path, sample_rate)
    except BrokenAudio as error:
        return error
    file_digest = xxhash.xxh3_128_hexdigest(path.read_bytes())
    waveform, louder = recording.samples, recording.sound.louder
    pcm = np.empty(len(waveform), np.int16)
    # In pieces that stay in the processor's own cache.
    for start in range(0, len(waveform), _PIECE):
        piece = waveform[start : start + _PIECE]
        piece *= np.float32(2.0 ** (15 + louder))
        np.rint(piece, out=piece)
        pcm[start : start + _PIECE] = np.minimum(piece, 32767, out=piece)
    # The same numbers stand for another sound where they were made louder.
    digest = xxhash.xxh3_128_hexdigest(pcm.data, seed=louder)
    return _Decoded(pcm, digest, file_digest, recording.sound)


def _in_threads(paths: Sequence[Path], sample_rate: int) -> Iterator[tuple[Path, _Decoded | BrokenAudio]]:
    """Decode in threads; results come in the order of the paths, and at most a few of them wait to be taken."""
    waiting: deque[tuple[Path, Future[_Decoded | BrokenAudio]]] = deque()
    workers = usable_cores()
    with ThreadPoolExecutor(workers) as pool:
        for path in paths:
            waiting.append((path, pool.submit(_pcm, path, sample_rate)))
            if len(waiting) > 2 * workers:
                first, decoded = waiting.popleft()
                yield first, decoded.result()
        for first, decoded in waiting:
            yield first, decoded.result()
