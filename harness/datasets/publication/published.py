"""What the publishers of the data sets offer: files, checksums, addresses, counts."""

from dataclasses import dataclass

_ZENODO = "https://zenodo.org/records/4783391/files/{}?download=1"
_AUDIOCAPS = "https://raw.githubusercontent.com/cdjkim/audiocaps/master/{}"
_WAVCAPS = "https://raw.githubusercontent.com/XinhaoMei/WavCaps/59694bd1c53b00ad958fc8e3e226039dc5e26404/{}"
_DCASE_2025 = (
    "https://raw.githubusercontent.com/CPJKU/dcase2025_task6_baseline/c78422fcbed579877919620a30075baccf82bf2b/{}"
)


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file that may be downloaded.

    Attributes:
        path: where it belongs, relative to the folder of the data set.
        md5: of its content, as published.
        url: its address.
        split: the split that needs it.
    """

    path: str
    md5: str
    url: str
    split: str

    @property
    def is_archive(self) -> bool:
        """Whether it is to be unpacked; it then holds one folder, called as its split."""
        return self.path.endswith(".7z")


@dataclass(frozen=True, slots=True)
class PublishedSplit:
    """What a split's captions file holds: its MD5 and the numbers of clips and captions."""

    captions_md5: str
    clips: int
    captions: int


SPLITS = {
    ("clotho", "development"): PublishedSplit("d4090b39ce9f2491908eebf4d5b09bae", 3839, 19195),
    ("clotho", "validation"): PublishedSplit("5879e023032b22a2c930aaa0528bead4", 1045, 5225),
    ("clotho", "evaluation"): PublishedSplit("1b16b9e57cf7bdb7f13a13802aeb57e2", 1045, 5225),
    ("audiocaps", "train"): PublishedSplit("be909c34c4aa154f53acab960a1e998b", 49838, 49838),
    ("audiocaps", "val"): PublishedSplit("29adf3a58afc406fa3a9bd785e20db51", 495, 2475),
    ("audiocaps", "test"): PublishedSplit("9775aec3f52037d12cacda132dd5316d", 975, 4875),
    ("audiocaps", "val-v2"): PublishedSplit("b319beea34769896c80399b14befdf8a", 495, 2475),
    ("audiocaps", "test-v2"): PublishedSplit("11f06bd97a512e62d7907d724c76e7c3", 975, 4875),
    ("audiocaps", "test-957"): PublishedSplit("6ba1f9316c497151bf2a45fe4b955849", 957, 4785),
}


def _clotho(file: str, md5: str, split: str) -> PublishedFile:
    return PublishedFile(file, md5, _ZENODO.format(file), split)


def _captions(dataset: str, split: str, path: str, address: str) -> PublishedFile:
    return PublishedFile(path, SPLITS[dataset, split].captions_md5, address, split)


FILES = {
    "clotho": (
        *(
            _captions("clotho", split, f"clotho_captions_{split}.csv", _ZENODO.format(f"clotho_captions_{split}.csv"))
            for split in ("development", "validation", "evaluation")
        ),
        PublishedFile(
            "metadata_eval.csv",
            "15de2d0afb9c11950f15c46a70b335ba",
            _DCASE_2025.format("resources/metadata_eval.csv"),
            "evaluation",
        ),
        _clotho("clotho_metadata_development.csv", "170d20935ecfdf161ce1bb154118cda5", "development"),
        _clotho("clotho_metadata_validation.csv", "2e010427c56b1ce6008b0f03f41048ce", "validation"),
        _clotho("clotho_metadata_evaluation.csv", "13946f054d4e1bf48079813aac61bf77", "evaluation"),
        _clotho("clotho_audio_evaluation.7z", "4569624ccadf96223f19cb59fe4f849f", "evaluation"),
        _clotho("clotho_audio_validation.7z", "7dba730be08bada48bd15dc4e668df59", "validation"),
        _clotho("clotho_audio_development.7z", "c8b05bc7acdb13895bb3c6a29608667e", "development"),
    ),
    "audiocaps": (
        *(
            _captions("audiocaps", split, f"dataset/{split}.csv", _AUDIOCAPS.format(f"dataset/{split}.csv"))
            for split in ("train", "val", "test")
        ),
        *(
            _captions(
                "audiocaps", f"{split}-v2", f"dataset2.0/{split}.csv", _AUDIOCAPS.format(f"dataset2.0/{split}.csv")
            )
            for split in ("val", "test")
        ),
        _captions(
            "audiocaps",
            "test-957",
            "wavcaps_957_test.csv",
            _WAVCAPS.format("retrieval/data/AudioCaps/csv_files/test.csv"),
        ),
    ),
}

GET_YOURSELF = {
    "audiocaps": "the audio of AudioCaps may not be passed on: get the videos' sound from YouTube yourself, 10 s from "
    "start_time, as {home}/audio/<train|val|test>/Y<youtube_id>.wav (or .flac, .mp3, .ogg)",
    "wavcaps": "WavCaps is for academic use and is not fetched: get json_files and Zip_files from the Hugging Face "
    "data set cvssp/WavCaps and unpack them as {home}/json_files and {home}/audio/<source>/<id>.flac",
    "folder": "a folder of your own is not fetched: put a captions CSV (file_name,caption_1,...,caption_n) and the "
    "audio into {home}",
    "everyday": "everyday comes with the package: nothing to fetch",
}
"""One line per data set of which something, or all, must be had by other means."""
