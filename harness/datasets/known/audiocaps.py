"""AudioCaps 1.0 and 2.0, and the 957-clip test list of the WavCaps repository.

Captions are not portable between the two versions, so `test` and `val` are 1.0, `test-v2` and `val-v2` are 2.0.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from harness.datasets.csv_file import refuse
from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.entry import DatasetEntry, PublishedFile, Recordings, Split
from harness.datasets.keywords import Keywords
from harness.datasets.readers.audio_files import AudioFiles, one_each
from harness.datasets.readers.audioset_labels import audioset_labels
from harness.datasets.readers.captions_csv import captions_by_clip, read_csv
from harness.datasets.readers.layout import find_file
from harness.machine import Progress

_CAPTIONS_FILES = {
    **{split: (f"v1_{split}.csv", f"dataset/{split}.csv", f"csv_files_v1/{split}.csv", f"{split}.csv")
       for split in ("train", "val", "test")},
    **{f"{split}-v2": (f"v2_{split}.csv", f"dataset2.0/{split}.csv", f"csv_files_v2/{split}.csv")
       for split in ("val", "test")},
    "test-957": ("wavcaps_957_test.csv",),
}  # fmt: skip
# What downloaders call a clip: Y or not, the video, and where it starts and ends.
_FILE = re.compile(r"Y?(?P<video>[\w-]{11})(_(?P<start>\d+(\.\d+)?)(_\d+(\.\d+)?)?)?")
_CSV_FOLDERS = frozenset({"dataset", "dataset2.0", "csv_files_v1", "csv_files_v2"})
_AUDIO_FOLDERS = ("{split}", "{split}_*", "audio*/{split}", "waveforms/{split}", "audio*", "waveforms")

_AUDIOCAPS = "https://raw.githubusercontent.com/cdjkim/audiocaps/master/{}"
_WAVCAPS = (
    "https://raw.githubusercontent.com/XinhaoMei/WavCaps/59694bd1c53b00ad958fc8e3e226039dc5e26404/"
    "retrieval/data/AudioCaps/csv_files/test.csv"
)
# Of each split the published captions file, the numbers of clips and of captions per clip, and the file's MD5.
_PUBLISHED = {
    "train": ("dataset/train.csv", 49838, 1, "be909c34c4aa154f53acab960a1e998b"),
    "val": ("dataset/val.csv", 495, 5, "29adf3a58afc406fa3a9bd785e20db51"),
    "test": ("dataset/test.csv", 975, 5, "9775aec3f52037d12cacda132dd5316d"),
    "test-957": ("wavcaps_957_test.csv", 957, 5, "6ba1f9316c497151bf2a45fe4b955849"),
    "val-v2": ("dataset2.0/val.csv", 495, 5, "b319beea34769896c80399b14befdf8a"),
    "test-v2": ("dataset2.0/test.csv", 975, 5, "11f06bd97a512e62d7907d724c76e7c3"),
}


def _read(data_root: Path, split: str, _progress: Progress) -> RetrievalDataset:
    """Read one split; only its captions file must exist. A clip is named `Y<youtube_id>.wav`, whatever its file is."""
    path = find_file(data_root, "audiocaps", ENTRY.splits[split].captions_files)
    table = read_csv(path)
    start_of: dict[str, str] = {}
    rows_of: dict[str, list[str]] = {}
    if split == "test-957":
        captions = captions_by_clip(table)
    else:
        videos = table.column("youtube_id")
        captions = {_clip_name(video): texts for video, texts in captions_by_clip(table, "youtube_id").items()}
        start_of = _start_times(path, videos, table.column("start_time"))
        for video, row in zip(videos, table.column("audiocap_id"), strict=True):
            rows_of.setdefault(_clip_name(video), []).append(row)
    home = _home_of(path)
    folders = _audio_folders(home, split.split("-")[0])
    files = AudioFiles(folders)
    by_video = _by_video(files)

    def candidates(clip: str) -> Sequence[Path]:
        named = by_video.get(clip.removeprefix("Y").removesuffix(".wav"), ())
        found = [file for file, start in named if _begins(start, start_of.get(clip))]
        # Where each caption has a copy of the sound, that of the first will do.
        return found or next(filter(None, map(files.with_stem, rows_of.get(clip, ()))), ())

    found = {clip: candidates(clip) for clip in captions}
    usual = folders[0] if folders else home / "audio" / split.split("-")[0]
    audio_path = one_each(f"audiocaps {split}", found, usual.joinpath)
    return from_captions("audiocaps", split, path.parent, captions, audio_path)


def _by_video(files: AudioFiles) -> dict[str, list[tuple[Path, str | None]]]:
    """The recordings by the video of their name, each with the start that its name gives."""
    found: dict[str, list[tuple[Path, str | None]]] = defaultdict(list)
    for stem, paths in files.recordings.items():
        if match := _FILE.fullmatch(stem):
            found[match["video"]] += [(path, match["start"]) for path in paths]
    return found


def _begins(start: str | None, expected: str | None) -> bool:
    """Whether a start in a file name, in seconds or milliseconds, is that of the clip, as far as both are known."""
    if start is None or expected is None:
        return True
    return float(start) in (float(expected), 1000 * float(expected))


def _home_of(captions_csv: Path) -> Path:
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


def _keywords(dataset: RetrievalDataset) -> Keywords:
    """AudioSet's labels of the clips; those who wrote the captions were shown them, as far as is known."""
    home = _home_of(dataset.root / "captions.csv")
    clip_of = {clip.name.removeprefix("Y").removesuffix(".wav"): clip.name for clip in dataset.clips}
    labels = audioset_labels(home, clip_of)
    return Keywords(home, {clip_of[video]: names for video, names in labels.items()})


ENTRY = DatasetEntry(
    name="audiocaps",
    splits={
        name: Split(
            _CAPTIONS_FILES[name],
            clips,
            per_clip,
            md5,
            optional=name in ("test-957", "val-v2", "test-v2"),
            hours=clips * 10 / 3_600,
        )
        for name, (_, clips, per_clip, md5) in _PUBLISHED.items()
    },
    read=_read,
    training="train",
    validation="val",
    evaluation=("test", "test-957"),
    title="AudioCaps",
    url="https://github.com/cdjkim/audiocaps",
    files=tuple(
        PublishedFile(path, md5, _WAVCAPS if name == "test-957" else _AUDIOCAPS.format(path), name)
        for name, (path, _, _, md5) in _PUBLISHED.items()
    ),
    # The videos may end before the 10 s do.
    recordings=Recordings(seconds=(0, 10)),
    home=_home_of,
    keywords=_keywords,
    by_hand="the audio of AudioCaps may not be passed on: get the videos' sound from YouTube yourself, 10 s from "
    "start_time, as {home}/audio/<train|val|test>/Y<youtube_id>.wav (or .flac, .mp3, .ogg)",
)
