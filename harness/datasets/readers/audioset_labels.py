"""AudioSet's labels of its segments, from the files that Google publishes."""

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path

from harness.datasets.readers.metadata_csv import read_metadata
from harness.errors import UserError
from harness.machine import open_file

SEGMENTS = ("unbalanced_train_segments.csv", "balanced_train_segments.csv", "eval_segments.csv")
NAMES = "class_labels_indices.csv"


def audioset_labels(folder: Path, videos: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The labels of videos, by their displayed names, in the order of the file; of those that the files have.

    Args:
        folder: holds `class_labels_indices.csv` and at least one of the files of segments.
        videos: identifiers; two million others are passed over.

    Raises:
        UserError: a file is missing or cannot be read, or a label has no name.
    """
    files = [folder / name for name in SEGMENTS if (folder / name).is_file()]
    if not files or not (folder / NAMES).is_file():
        raise UserError(
            f"{folder} lacks AudioSet's labels, which are the keywords: put {NAMES} and {SEGMENTS[0]} there (and "
            f"{SEGMENTS[1]}, {SEGMENTS[2]}), from https://research.google.com/audioset/download.html"
        )
    name_of = {row[0]: row[1] for row in read_metadata(folder / NAMES, ["mid", "display_name"])}
    found: dict[str, tuple[str, ...]] = {}
    for path in files:
        for video, labels in _segments(path):
            if video not in videos:
                continue
            if unknown := [label for label in labels if label not in name_of]:
                raise UserError(f"{path}: {video} has the label {unknown[0]!r}, which {NAMES} does not name")
            found[video] = tuple(name_of[label] for label in labels)
    return found


def _segments(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Video and labels of each row: `video, start, end, "label,label"`, below comments that begin with `#`."""
    try:
        with open_file(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as lines:
            for row in csv.reader((line for line in lines if line[0] != "#"), skipinitialspace=True):
                if row:
                    yield row[0], row[3].split(",")
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a list of AudioSet's segments: {error}") from error
