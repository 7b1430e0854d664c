"""Clotho v2.1, in its official unpacked layout or that of aac-datasets, and anything laid out like it."""

from pathlib import Path

from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.readers.captions_csv import captions_by_clip, read_csv
from harness.datasets.readers.layout import find_file
from harness.machine import Progress

_AAC_CSV_FOLDER = "clotho_csv_files"
_AAC_AUDIO_FOLDER = "clotho_audio_files"


def load(data_root: Path, split: str, _progress: Progress) -> RetrievalDataset:
    """Load one split; only its captions file must exist.

    Raises:
        UserError: the captions file is not there or wrong.
    """
    path = find_file(data_root, "clotho", captions_names(split))
    return read_split(path, audio_folder(path, split), "clotho", split)


def read_split(captions_csv: Path, audio: Path, name: str, split: str) -> RetrievalDataset:
    """Read a split in Clotho's layout: a captions CSV, and a folder of audio files named as in its first column.

    Raises:
        UserError: something is wrong with the captions file.
    """
    return from_captions(name, split, captions_csv.parent, captions_by_clip(read_csv(captions_csv)), audio.joinpath)


def captions_names(split: str) -> tuple[str, ...]:
    """Where the captions CSV of a split may be, relative to the folder of the data set."""
    return (f"clotho_captions_{split}.csv", f"{_AAC_CSV_FOLDER}/clotho_captions_{split}.csv")


def audio_folder(captions_csv: Path, split: str) -> Path:
    """The folder of a split's audio: beside the CSV, or parallel to aac-datasets' folder of CSVs."""
    folder = captions_csv.parent
    return (folder.parent / _AAC_AUDIO_FOLDER if folder.name == _AAC_CSV_FOLDER else folder) / split
