"""What a clip is called outside its data set: its FreeSound number or AudioSet video, and its title."""

import csv
import html
import re
import unicodedata
from pathlib import Path, PurePosixPath

from harness.datasets.dataset import RetrievalDataset
from harness.datasets.leaks.exclusions import clip_id
from harness.errors import UserError

_VIDEO = re.compile(r"Y[\w-]{11}")
# Few digits are rather a folder's own numbering than FreeSound's.
_BARE_NUMBER = re.compile(r"\d{5,}")
_FREESOUND_DOWNLOAD = re.compile(r"(\d+)__.+")
_SUFFIXES = re.compile(r"(\.(aiff?|flac|m4a|mp3|ogg|opus|wav))+$")
_ESCAPED = re.compile(r"__(\d+)_")


def identifiers(dataset: RetrievalDataset) -> tuple[str | None, ...]:
    """The id of each clip as exclusion lists spell it: `"117790"` is a FreeSound number, `"Yr1nicOVtvkQ"` a video.

    Clotho's come from its metadata, as its file names are titles, even those that look like numbers. Those of WavCaps
    and AudioCaps are in their names; BBC's and SoundBible's own numbers, which coincide with FreeSound's, are no ids.
    Any other file has one if it is called like a video, like a FreeSound download (`117790__user__title`), or by a
    number of at least five digits.

    Returns:
        One per clip; `None` where none is known.

    Raises:
        UserError: Clotho's metadata are there but cannot be read.
    """
    if dataset.name == "clotho":
        path = metadata_file(dataset)
        numbers = _sound_ids(path) if path else {}
        by_title = {title(name): number for name, number in numbers.items()}
        return tuple(numbers.get(clip.name, by_title.get(title(clip.name))) for clip in dataset.clips)
    if dataset.name == "wavcaps":
        return tuple(_of_source(clip.name) for clip in dataset.clips)
    return tuple(_of_file(clip.name) for clip in dataset.clips)


def known_ids(dataset: RetrievalDataset) -> frozenset[str]:
    """The ids of all clips that have one: of an evaluation split, what must not be trained on.

    Raises:
        UserError: Clotho's metadata are there but cannot be read.
    """
    return frozenset(identifier for identifier in identifiers(dataset) if identifier)


def metadata_names(split: str) -> tuple[str, str]:
    """What the file with FreeSound numbers of a Clotho split is called by Clotho, and by the graded relevances."""
    return f"clotho_metadata_{split}.csv", f"{split}_audio_metadata.csv"


def metadata_file(dataset: RetrievalDataset) -> Path | None:
    """The metadata of a Clotho split, beside its captions; `None` where they are not there."""
    candidates = (dataset.root / name for name in metadata_names(dataset.split))
    return next((path for path in candidates if path.is_file()), None)


def title(name: str) -> str:
    """A file name as its FreeSound title, without what differs between copies of it.

    That is case, accents, extensions, blanks and punctuation, and HTML entities with what file systems make of them.

    >>> title("Chat2 - (Apollonia&#39;s sPA) .wav") == title("chat2_Apollonia__39_s_spa.flac")
    True
    """
    bare = _SUFFIXES.sub("", name.strip().casefold())
    plain = unicodedata.normalize("NFKD", html.unescape(_ESCAPED.sub(r"&#\1;", bare)))
    words = re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    return " ".join(words) or bare


def _sound_ids(path: Path) -> dict[str, str]:
    """FreeSound number by file name, of the clips that have one (`Not found` is none)."""
    try:
        # Clotho's own files are Latin-1, copies are UTF-8. Names and numbers are ASCII in both.
        with path.open(encoding="latin-1", newline="") as lines:
            table = csv.DictReader(lines)
            columns = [name.removeprefix("\xef\xbb\xbf") for name in table.fieldnames or ()]
            table.fieldnames = columns
            if missing := {"file_name", "sound_id"} - set(columns):
                raise UserError(
                    f"{path}: column {', '.join(sorted(missing))} is missing; the header is {','.join(columns)}"
                )
            rows = [(row["file_name"], row["sound_id"] or "") for row in table]
    except (OSError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return {name: number.strip() for name, number in rows if number.strip().isdecimal()}


def _of_source(name: str) -> str | None:
    source, stem = PurePosixPath(name).parent.name, clip_id(name)
    return stem if source in ("FreeSound", "AudioSet_SL") else None


def _of_file(name: str) -> str | None:
    stem = clip_id(name)
    if _VIDEO.fullmatch(stem) or _BARE_NUMBER.fullmatch(stem):
        return stem
    match = _FREESOUND_DOWNLOAD.fullmatch(stem)
    return match[1] if match else None
