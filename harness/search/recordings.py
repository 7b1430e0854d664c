"""The recordings that are to be indexed, and what is known of them beside their sound."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.errors import UserError, listing
from harness.evaluation import recordings_below

_FEWEST_SECONDS = 3_600
_MOST_FILES = 2_000
"""A portion ends with the recording by which it has so many seconds, or so many recordings."""


class Recording(NamedTuple):
    """What an index says of a recording.

    Attributes:
        file: its absolute path.
        seconds: how long it is.
        title: what it is called.
        tags: what somebody wrote beside the sound.
        checksum: XXH3 of the file, 128 bits.
        state: of the file: its size, and the time of its last change.
    """

    file: str
    seconds: float
    title: str
    tags: tuple[str, ...]
    checksum: str
    state: str


@dataclass(frozen=True)
class Plan:
    """What is to be done so that an index holds what the folders hold.

    Attributes:
        new: recordings that are to be embedded, with the state each is in.
        stale: recordings in the index that are gone, or have changed.
        broken: by recording, why it cannot be used.
        kept: number of recordings that stay as they are.
    """

    new: Mapping[str, str]
    stale: Sequence[str]
    broken: Mapping[str, str]
    kept: int


def plan(folders: Sequence[Path], indexed: Mapping[str, str]) -> Plan:
    """Compare folders with an index; recordings of the index in other folders stay there.

    Args:
        folders: with recordings, in sub-folders too.
        indexed: the state of each recording in the index.

    Raises:
        UserError: one of them is not a folder, or none of them holds a recording.
    """
    # Unlike `Path.absolute`, this takes `..` out.
    places = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100
    found, broken = _found(places)
    # What is in a folder that cannot be looked into now is not gone.
    roots, unseen = (tuple(os.path.join(place, "") for place in some) for some in (places, broken))  # noqa: PTH118
    stale = [
        file
        for file, state in indexed.items()
        if file.startswith(roots) and not file.startswith(unseen) and found.get(file) != state
    ]
    new = {file: state for file, state in found.items() if indexed.get(file) != state}
    return Plan(new, stale, broken, len(found) - len(new))


def _found(folders: Sequence[Path]) -> tuple[dict[str, str], dict[str, str]]:
    """The state of each recording, and why others cannot be used."""
    if files := [str(folder) for folder in folders if folder.is_file()]:
        raise listing("these are files; name the folders that they are in", files)
    if missing := [str(folder) for folder in folders if not folder.is_dir()]:
        raise listing("these are no folders, and an index is not changed for a disk that is not there", missing)
    found, broken = {}, {}

    def lost(path: Path, error: OSError) -> None:
        broken[str(path)] = error.strerror or str(error)

    for path in dict.fromkeys(path for folder in folders for path in recordings_below(folder, lost)):
        try:
            str(path).encode()
            status = path.stat()
            found[str(path)] = f"{status.st_size}-{status.st_mtime_ns}"
        except UnicodeEncodeError:
            broken[repr(str(path))] = "its name is not valid UTF-8; rename it"
        except OSError as error:
            lost(path, error)
    if not found and not broken:
        raise UserError(f"{', '.join(map(str, folders))} and the folders below hold no recordings")
    return found, broken


def portions(seconds: Mapping[str, float]) -> list[list[str]]:
    """Recordings in portions of about an hour: as much as is added to the index at once."""
    found: list[list[str]] = [[]]
    length = 0.0
    for file, its_length in seconds.items():
        found[-1].append(file)
        length += its_length
        if length >= _FEWEST_SECONDS or len(found[-1]) >= _MOST_FILES:
            found.append([])
            length = 0.0
    return [portion for portion in found if portion]


class Header(NamedTuple):
    """What a recording says of itself, in whatever format it is.

    Attributes:
        seconds: how long it is; 0 where that is not known before it is decoded.
        title: what it is called; where it says nothing, the file's name without its suffix.
        tags: what somebody wrote beside the sound.
    """

    seconds: float
    title: str
    tags: tuple[str, ...]


def header_of(file: str) -> Header:
    """Read the header of a recording; of one that is broken, or is converted before it is decoded, it says nothing."""
    import soundfile

    try:
        with soundfile.SoundFile(file) as opened:
            seconds, said = opened.frames / opened.samplerate, opened.copy_metadata()
    except (OSError, RuntimeError, ZeroDivisionError):
        seconds, said = 0.0, {}
    words = (said.get(field, "") for field in ("genre", "comment"))
    tags = (tag.strip() for field in words for tag in re.split(r"[,;\n]", field))
    return Header(seconds, said.get("title", "").strip() or Path(file).stem, tuple(dict.fromkeys(filter(None, tags))))
