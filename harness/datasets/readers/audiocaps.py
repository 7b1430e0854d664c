"""AudioCaps 1.0 and 2.0, and the 957-clip test list of the WavCaps repository.

Captions are not portable between the two versions, so `test` and `val` are 1.0, `test-v2` and `val-v2` are 2.0.
"""

from pathlib import Path

from harness.datasets.csv_file import refuse
from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.readers.captions_csv import captions_by_clip, read_csv
from harness.datasets.readers.layout import AUDIO_SUFFIXES, find_file
from harness.machine import Progress

_CAPTIONS_NAMES = {
    **{split: (f"v1_{split}.csv", f"dataset/{split}.csv", f"csv_files_v1/{split}.csv", f"{split}.csv")
       for split in ("train", "val", "test")},
    **{f"{split}-v2": (f"v2_{split}.csv", f"dataset2.0/{split}.csv", f"csv_files_v2/{split}.csv")
       for split in ("val", "test")},
    "test-957": ("wavcaps_957_test.csv",),
}  # fmt: skip
_CSV_FOLDERS = frozenset({"dataset", "dataset2.0", "csv_files_v1", "csv_files_v2"})
_AUDIO_FOLDERS = ("{split}", "{split}_*", "audio*/{split}", "waveforms/{split}", "audio*", "waveforms")


def load(data_root: Path, split: str, _progress: Progress) -> RetrievalDataset:
    """Load one split; only its captions file must exist.

    A clip is named `Y<youtube_id>.wav`, whatever its file is called.

    Raises:
        UserError: the captions file is not there or wrong.
    """
    path = find_file(data_root, "audiocaps", captions_names(split))
    table = read_csv(path)
    if split == "test-957":
        captions = captions_by_clip(table)
        start_of = {}
    else:
        captions = {_clip_name(video): texts for video, texts in captions_by_clip(table, "youtube_id").items()}
        start_of = _start_times(path, table.column("youtube_id"), table.column("start_time"))
    home = home_of(path)
    folders = _audio_folders(home, split.split("-")[0])
    files = {file.stem: file for folder in reversed(folders) for file in sorted(folder.iterdir()) if _is_audio(file)}

    def audio_path(clip: str) -> Path:
        video = clip.removeprefix("Y").removesuffix(".wav")
        stems = (f"Y{video}", video, f"{video}_{start_of.get(clip)}", f"Y{video}_{start_of.get(clip)}")
        expected = (folders[0] if folders else home / "audio" / split.split("-")[0]) / clip
        return next((files[stem] for stem in stems if stem in files), expected)

    return from_captions("audiocaps", split, path.parent, captions, audio_path)


def captions_names(split: str) -> tuple[str, ...]:
    """Where the captions CSV of a split may be, relative to the folder of the data set."""
    return _CAPTIONS_NAMES[split]


def home_of(captions_csv: Path) -> Path:
    """The folder of the data set, which holds the audio folders."""
    folder = captions_csv.parent
    return folder.parent if folder.name in _CSV_FOLDERS else folder


def _clip_name(video: str) -> str:
    return f"Y{video}.wav"


def _start_times(path: Path, videos: tuple[str, ...], starts: tuple[str, ...]) -> dict[str, str]:
    """Start of each clip in its video, in seconds as written; it is part of the file name in some layouts."""
    start_of = dict(zip(videos, starts, strict=True))
    problems = [
        f"youtube_id {video!r} has the start times {start} and {start_of[video]}; expected one clip per video"
        for video, start in dict.fromkeys(zip(videos, starts, strict=True))
        if start != start_of[video]
    ]
    refuse(path, problems, "not a valid captions file")
    return {_clip_name(video): start for video, start in start_of.items()}


def _audio_folders(home: Path, split: str) -> list[Path]:
    """The folders that may hold a split's audio, most specific first."""
    patterns = (pattern.format(split=split) for pattern in _AUDIO_FOLDERS)
    return [folder for pattern in patterns for folder in sorted(home.glob(pattern)) if folder.is_dir()]


def _is_audio(file: Path) -> bool:
    return file.suffix.lower() in AUDIO_SUFFIXES
