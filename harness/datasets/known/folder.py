"""Any folder of recordings with one captions CSV; what it holds, only its owner knows."""

from pathlib import Path

from harness.datasets.csv_file import SEPARATORS, read_rows
from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.entry import DatasetEntry, Split
from harness.datasets.keywords import Keywords
from harness.datasets.readers.audio_files import AudioFiles, one_each
from harness.datasets.readers.captions_csv import captions_by_clip, is_captions_header, read_csv
from harness.datasets.readers.metadata_csv import split_keywords
from harness.errors import UserError
from harness.machine import Progress

_LONGEST_HEADER = 1 << 20


def _read(data_root: Path, split: str, _progress: Progress) -> RetrievalDataset:
    """Read the folder. Audio lies beside the CSV or in a direct subfolder; only the CSV must exist."""
    path = _captions_file(data_root)
    captions = captions_by_clip(read_csv(path))
    folders = [data_root, *sorted(sub for sub in data_root.iterdir() if sub.is_dir())]
    files = AudioFiles(folders)
    places = {name: files.find(name) for name in captions}
    # A recording that is not there is expected where most are.
    usual = files.fullest(places.values()) or data_root
    audio_path = one_each(f"{path}", places, usual.joinpath)
    return from_captions("folder", split, data_root, captions, audio_path)


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
        return next(read_rows(path, separators=SEPARATORS), (1, []))[1]
    except UserError:
        return []


def _keywords(dataset: RetrievalDataset) -> Keywords:
    """The column `keywords` of the captions CSV, if it has one; rows of one clip add up."""
    table = read_csv(_captions_file(dataset.root))
    if "keywords" not in table.header:
        raise UserError(
            f"{table.path} has no column keywords, which this system uses; add one, with several keywords in a cell "
            "separated by semicolons"
        )
    of_clip: dict[str, tuple[str, ...]] = {}
    for name, cell in zip(table.column("file_name"), table.column("keywords"), strict=True):
        of_clip[name] = tuple(dict.fromkeys((*of_clip.get(name, ()), *split_keywords(cell))))
    return Keywords(table.path, of_clip)


ENTRY = DatasetEntry(
    name="folder",
    splits={"all": Split()},
    read=_read,
    training="all",
    validation="all",
    by_hand="a folder of your own is not fetched: put a captions CSV (file_name,caption_1,...,caption_n) and the "
    "audio into {data_root}",
    named_by_title=True,
    keywords=_keywords,
)
