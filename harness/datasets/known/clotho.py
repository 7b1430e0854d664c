"""Clotho v2.1: five captions for each of 5,929 clips of FreeSound.

Read are its official unpacked layout and that of aac-datasets.
"""

from pathlib import Path

from harness.datasets.clip_names import title
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.entry import DatasetEntry, PublishedFile, Recordings, Split
from harness.datasets.keywords import Keywords
from harness.datasets.readers.metadata_csv import read_metadata, split_keywords
from harness.errors import UserError

_AAC_CSV_FOLDER = "clotho_csv_files"
_AAC_AUDIO_FOLDER = "clotho_audio_files"
# By Clotho itself, and by the graded relevances.
_METADATA = ("clotho_metadata_{split}.csv", "{split}_audio_metadata.csv")
_ZENODO = "https://zenodo.org/records/4783391/files/{}?download=1"
_DCASE_2025 = (
    "https://raw.githubusercontent.com/CPJKU/dcase2025_task6_baseline/c78422fcbed579877919620a30075baccf82bf2b/{}"
)
# Of each split the number of clips, the MD5 of its captions file, and its length in hours.
_PUBLISHED = {
    "development": (3839, "d4090b39ce9f2491908eebf4d5b09bae", 24.0),
    "validation": (1045, "5879e023032b22a2c930aaa0528bead4", 6.5),
    "evaluation": (1045, "1b16b9e57cf7bdb7f13a13802aeb57e2", 6.5),
}


def _audio_folder(captions_csv: Path, split: str) -> Path:
    """Beside the CSV, or in aac-datasets' folder of audio, which is parallel to its folder of CSVs."""
    folder = captions_csv.parent
    return (folder.parent / _AAC_AUDIO_FOLDER if folder.name == _AAC_CSV_FOLDER else folder) / split


def _file(path: str, md5: str, split: str) -> PublishedFile:
    return PublishedFile(path, md5, _ZENODO.format(path), split)


def _keywords(dataset: RetrievalDataset) -> Keywords:
    """The tags that the uploader gave a recording on FreeSound."""
    names = [name.format(split=dataset.split) for name in _METADATA]
    path = next((dataset.root / name for name in names if (dataset.root / name).is_file()), None)
    if path is None:
        raise UserError(
            f"{dataset.root / names[0]} is not there, which has the keywords of clotho {dataset.split}; get it with "
            "`lbar data fetch clotho`"
        )
    of_row = {name: split_keywords(cell) for name, cell in read_metadata(path, ["file_name", "keywords"])}
    by_title = {title(name): words for name, words in of_row.items()}
    # Copies of the file spell some names in another way.
    spelt = {clip.name: title(clip.name) for clip in dataset.clips if clip.name not in of_row}
    return Keywords(path, of_row | {name: by_title[bare] for name, bare in spelt.items() if bare in by_title})


ENTRY = DatasetEntry(
    name="clotho",
    splits={
        name: Split((file := f"clotho_captions_{name}.csv", f"{_AAC_CSV_FOLDER}/{file}"), clips, 5, md5, hours=hours)
        for name, (clips, md5, hours) in _PUBLISHED.items()
    },
    training="development",
    validation="validation",
    evaluation=("evaluation",),
    title="Clotho",
    url="https://doi.org/10.5281/zenodo.4783391",
    files=(
        *(_file(f"clotho_captions_{name}.csv", md5, name) for name, (_, md5, _) in _PUBLISHED.items()),
        PublishedFile(
            "metadata_eval.csv",
            "15de2d0afb9c11950f15c46a70b335ba",
            _DCASE_2025.format("resources/metadata_eval.csv"),
            "evaluation",
            "the protocol clotho-dcase2025",
        ),
        _file("clotho_metadata_development.csv", "170d20935ecfdf161ce1bb154118cda5", "development"),
        _file("clotho_metadata_validation.csv", "2e010427c56b1ce6008b0f03f41048ce", "validation"),
        _file("clotho_metadata_evaluation.csv", "13946f054d4e1bf48079813aac61bf77", "evaluation"),
        _file("clotho_audio_evaluation.7z", "4569624ccadf96223f19cb59fe4f849f", "evaluation"),
        _file("clotho_audio_validation.7z", "7dba730be08bada48bd15dc4e668df59", "validation"),
        _file("clotho_audio_development.7z", "c8b05bc7acdb13895bb3c6a29608667e", "development"),
    ),
    recordings=Recordings(seconds=(15, 30), rate=44_100),
    audio_folder=_audio_folder,
    # File names are titles, even those that look like numbers.
    id_files=_METADATA,
    named_by_title=True,
    keywords=_keywords,
)
