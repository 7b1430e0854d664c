"""The FreeSound number or AudioSet video of each clip of a data set, as exclusion lists spell it."""

from pathlib import Path

from harness.datasets.clip_names import title
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import known_dataset
from harness.datasets.readers.metadata_csv import read_metadata


def identifiers(dataset: RetrievalDataset) -> tuple[str | None, ...]:
    """The id of each clip: `"117790"` is a FreeSound number, `"Yr1nicOVtvkQ"` an AudioSet video.

    They are read where the data set's entry says: from files beside the captions, or from the names of the clips.

    Returns:
        One per clip; `None` where none is known.

    Raises:
        UserError: a file with ids is there but cannot be read.
    """
    if not (candidates := id_files(dataset)):
        return tuple(map(known_dataset(dataset.name).id_in_name, (clip.name for clip in dataset.clips)))
    path = next(filter(Path.is_file, candidates), None)
    numbers = _sound_ids(path) if path else {}
    by_title = {title(name): number for name, number in numbers.items()}
    return tuple(numbers.get(clip.name, by_title.get(title(clip.name))) for clip in dataset.clips)


def known_ids(dataset: RetrievalDataset) -> frozenset[str]:
    """The ids of all clips that have one: of an evaluation split, what must not be trained on.

    Raises:
        UserError: a file with ids is there but cannot be read.
    """
    return frozenset(identifier for identifier in identifiers(dataset) if identifier)


def id_files(dataset: RetrievalDataset) -> tuple[Path, ...]:
    """Where the file with the ids of a split may be, beside its captions; empty where ids are in the clips' names."""
    return tuple(dataset.root / name.format(split=dataset.split) for name in known_dataset(dataset.name).id_files)


def _sound_ids(path: Path) -> dict[str, str]:
    """FreeSound number by file name, of the clips that have one (`Not found` is none)."""
    rows = read_metadata(path, ["file_name", "sound_id"])
    return {name: number.strip() for name, number in rows if number.strip().isdecimal()}
