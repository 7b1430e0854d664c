"""Any folder of recordings with one captions CSV; what it holds, only its owner knows."""

import csv
import io
from pathlib import Path

from harness.datasets.csv_file import refuse
from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.entry import DatasetEntry, Split
from harness.datasets.readers.captions_csv import captions_by_clip, is_captions_header, read_csv
from harness.errors import UserError
from harness.machine import Progress, open_file

_LONGEST_HEADER = 1 << 20


def _read(data_root: Path, split: str, _progress: Progress) -> RetrievalDataset:
    """Read the folder. Audio lies beside the CSV or in a direct subfolder; only the CSV must exist."""
    path = _captions_file(data_root)
    captions = captions_by_clip(read_csv(path))
    folders = [data_root, *sorted(sub for sub in data_root.iterdir() if sub.is_dir())]
    places = {name: [folder / name for folder in folders if (folder / name).is_file()] for name in captions}
    refuse(
        path,
        [
            f"{name!r} is in several folders: {', '.join(map(str, found))}; keep one"
            for name, found in places.items()
            if len(found) > 1
        ],
        "clips are in several folders",
    )
    usual = next((found[0].parent for found in places.values() if found), data_root)
    return from_captions("folder", split, data_root, captions, lambda name: (places[name] or [usual / name])[0])


def _captions_file(data_root: Path) -> Path:
    """The only CSV file of the folder, or the only one with caption columns."""
    if not data_root.is_dir():
        raise UserError(f"{data_root} is not a folder; --data-root is the folder with the captions CSV and the audio")
    files = sorted(file for file in data_root.glob("*.csv") if not file.name.startswith("."))
    if len(files) > 1:
        files = [file for file in files if is_captions_header(_header(file))]
    if len(files) != 1:
        raise UserError(
            f"{data_root} has {len(files)} captions files"
            + (f" ({', '.join(file.name for file in files)})" if files else "")
            + "; expected one CSV with the columns file_name,caption_1,...,caption_n or file_name,caption"
        )
    return files[0]


def _header(path: Path) -> list[str]:
    try:
        with open_file(path) as file, io.TextIOWrapper(file, "utf-8-sig", "replace", newline="") as lines:
            return next(csv.reader(iter(lambda: lines.readline(_LONGEST_HEADER), "")), [])
    except (OSError, csv.Error):
        return []


ENTRY = DatasetEntry(
    name="folder",
    splits={"all": Split()},
    read=_read,
    training="all",
    validation="all",
    by_hand="a folder of your own is not fetched: put a captions CSV (file_name,caption_1,...,caption_n) and the "
    "audio into {data_root}",
    named_by_title=True,
)
