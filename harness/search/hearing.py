"""Recordings as they are heard: decoded once, from their beginnings on, and cut into windows meanwhile."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from harness.audio import Array, BrokenAudio, Clip, decoder_version, file_digest, in_threads, pieces
from harness.errors import UserError
from harness.interface import Metadata, metadata_of
from harness.machine import embedding_key
from harness.search.recordings import Header, Recording
from harness.search.windows import Window, cut


class HeardRecordings:
    """The windows of some recordings, in order, of which few are in memory; and what was heard so far.

    Attributes:
        windows: so far, each with its recording.
        whole: the recordings that were heard to the end.
        broken: by recording, why it cannot be used; it may have windows before the place where it is broken.
    """

    def __init__(
        self,
        headers: Mapping[str, Header],
        states: Mapping[str, str],
        sample_rate: int,
        uses: tuple[str, ...] = (),
        *,
        threads: bool = False,
    ) -> None:
        """Nothing is read before it is iterated over.

        Args:
            headers: of the recordings.
            states: of the recordings.
            sample_rate: Hz wanted.
            uses: the kinds of metadata that the system uses.
            threads: decode in threads, on all cores. That keeps an accelerator busy; where these cores also encode, it
                costs more processor time than it saves.
        """
        self.windows: list[tuple[str, Window]] = []
        self.whole: dict[str, Recording] = {}
        self.broken: dict[str, str] = {}
        self._headers = headers
        self._states = {file: states[file] for file in headers}
        self._sample_rate = sample_rate
        self._uses = uses
        self._threads = threads

    @property
    def key(self) -> str:
        """Identifies the windows, as long as no recording changes."""
        states = [(file, self._states[file]) for file in self._headers]
        return embedding_key(states, self._uses, decoder_version())

    def require(self) -> None:
        """See that they are on this machine: one that cannot be found is not broken.

        Raises:
            UserError: one is not.
        """
        absent = next((file for file in self._headers if not Path(file).exists()), None)
        if absent is not None:
            raise UserError(f"there is no {absent}; mount its folder there under the same path")

    def __iter__(self) -> Iterator[tuple[Array, Metadata]]:
        """The samples of each window, and what is known beside them."""
        paths, rate = [Path(file) for file in self._headers], self._sample_rate
        begun = in_threads(_begin, paths, rate) if self._threads else ((path, _begin(path, rate)) for path in paths)
        for (file, header), (path, beginning) in zip(self._headers.items(), begun, strict=True):
            known = metadata_of(Clip(file, path, header.tags), self._uses)
            try:
                if isinstance(beginning, BrokenAudio):
                    raise beginning
                for window, samples in cut(beginning.pieces, rate):
                    self.windows.append((file, window))
                    yield samples, known
            except BrokenAudio as error:
                self.broken[file] = str(error).removeprefix(f"{file} ")
            else:
                said = (header.title, header.tags, beginning.checksum, self._states[file])
                self.whole[file] = Recording(file, window.end, *said)


class _Beginning(NamedTuple):
    checksum: str
    pieces: Iterator[Array]


def _begin(path: Path, sample_rate: int) -> _Beginning | BrokenAudio:
    """Decode a recording, or the beginning of a longer one."""
    try:
        coming = pieces(path, sample_rate)
        first = next(coming)
        return _Beginning(file_digest(path).hex(), chain([first], coming))
    except BrokenAudio as error:
        return error if path.exists() else BrokenAudio(f"{path} has gone since indexing began")
    except OSError as error:
        return BrokenAudio(f"{path} cannot be read: {error.strerror}; check its path and its permissions")
