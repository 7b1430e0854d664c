"""Which file on disk is the recording of a clip, and which is nearly called so."""

import difflib
import html
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from harness.errors import UserError

AUDIO_SUFFIXES = frozenset({".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"})
"""All of these are read; .m4a only where the program ffmpeg is installed."""

_FEW_ENOUGH = 5000
"""Names among which the nearest is looked for letter by letter, which takes about a second of so many."""


class AudioFiles:
    """The files in some folders, found by the name of a clip.

    Names are compared letter by letter, where `ä` is one letter however it is encoded: macOS writes it in two parts.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        """List the folders, without what lies in folders below them; one that is not there is empty."""
        self.folders = tuple(dict.fromkeys(folders))
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for folder in self.folders:
            for name in file_names(folder):
                self._by_name[_composed(name)].append(folder / name)

    def find(self, name: str) -> Sequence[Path]:
        """The files of this name; where there are none, those that differ in the audio suffix alone.

        That is upper or lower case, another format, or no suffix in the name.
        """
        name = _composed(name)
        return self._by_name.get(name) or self.with_stem(_bare(name))

    def with_stem(self, stem: str) -> Sequence[Path]:
        """The recordings that have this name before their audio suffix."""
        return self.recordings.get(stem, ())

    def fullest(self, found: Iterable[Sequence[Path]]) -> Path | None:
        """The folder that holds the most of the recordings that were found, or of all; `None` where there are none."""
        for places in ([paths[:1] for paths in found], self.recordings.values()):
            count = Counter(path.parent for paths in places for path in paths)
            if count:
                return count.most_common(1)[0][0]
        return None

    @cached_property
    def recordings(self) -> Mapping[str, Sequence[Path]]:
        """The files with an audio suffix, by their name before it."""
        found: dict[str, list[Path]] = defaultdict(list)
        for name, paths in self._by_name.items():
            if is_audio(name):
                found[_bare(name)] += paths
        return found


def one_each(
    dataset: str, found: Mapping[str, Sequence[Path]], expected: Callable[[str], Path]
) -> Callable[[str], Path]:
    """The function that gives the recording of a clip.

    Args:
        dataset: name of the data set and the split, for messages.
        found: the files that could be meant by each clip.
        expected: where a clip is expected of which there is no file.

    Raises:
        UserError: several files could be meant by a clip. All such clips are listed.
    """
    several = {clip: {path.resolve(): path for path in paths} for clip, paths in found.items() if len(paths) > 1}
    problems = [
        f"{clip!r} could be {' or '.join(sorted(map(str, distinct.values())))}; keep one"
        for clip, distinct in several.items()
        if len(distinct) > 1
    ]
    if problems:
        count = f"{len(problems):,} of {len(found):,} clips"
        message = f"{dataset}: several recordings could be meant by {count}: {problems[0]}"
        raise UserError(f"{message}, and move the others out of the data root", problems if problems[1:] else ())
    return lambda clip: found[clip][0] if found.get(clip) else expected(clip)


def is_audio(name: str) -> bool:
    """Whether a file name ends as those of recordings do; copies that macOS makes of its own (`._x.wav`) do not count.

    >>> is_audio("a.WAV"), is_audio("a.csv"), is_audio("._a.wav")
    (True, False, False)
    """
    return f".{name.rpartition('.')[2].lower()}" in AUDIO_SUFFIXES and not name.startswith("._")


def file_names(folder: Path) -> list[str]:
    """The names of the files in a folder, in order; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return []


def nearly_called(paths: Iterable[Path]) -> dict[Path, str]:
    """For files that are not there: the recording in the same folder whose name differs as tools and people change it.

    That is in blanks, underscores, case, HTML entities, colons, or the audio suffix.
    """
    near: dict[Path, str] = {}
    spellings: dict[Path, dict[str, str]] = {}
    for path in paths:
        folder = path.parent
        if folder not in spellings:
            spellings[folder] = {_spelling(name): name for name in file_names(folder) if is_audio(name)}
        if name := spellings[folder].get(_spelling(path.name)):
            near[path] = name
    return near


def what_is_there(path: Path) -> str:
    """A clause on what lies in the folder of a file that is not there: the nearest name, or any, or nothing."""
    names = [name for name in file_names(path.parent) if is_audio(name)]
    if not names:
        return "there is no audio there"
    near = nearly_called([path]).get(path)
    if near is None and len(names) <= _FEW_ENOUGH:
        near = next(iter(difflib.get_close_matches(path.name, names, n=1)), None)
    if near is None:
        return f"{path.name!r} is looked for; it holds {len(names):,} others, such as {names[0]!r}"
    return f"{path.name!r} is looked for, {near!r} is there; names are compared to the letter"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _bare(name: str) -> str:
    return name.rpartition(".")[0] if is_audio(name) else name


def _spelling(name: str) -> str:
    return _bare(re.sub("[ :_]", "", html.unescape(_composed(name)).lower()))
