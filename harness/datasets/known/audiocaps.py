"""AudioCaps 1.0 and 2.0: captions for ten-second parts of videos of AudioSet."""

from harness.datasets.entry import DatasetEntry, PublishedFile, Split
from harness.datasets.readers import audiocaps

_AUDIOCAPS = "https://raw.githubusercontent.com/cdjkim/audiocaps/master/{}"
_WAVCAPS = "https://raw.githubusercontent.com/XinhaoMei/WavCaps/59694bd1c53b00ad958fc8e3e226039dc5e26404/{}"

# Each with its number of clips, of captions per clip, and the MD5 of its captions file.
_PUBLISHED = {
    "train": (49838, 1, "be909c34c4aa154f53acab960a1e998b"),
    "val": (495, 5, "29adf3a58afc406fa3a9bd785e20db51"),
    "test": (975, 5, "9775aec3f52037d12cacda132dd5316d"),
    "test-957": (957, 5, "6ba1f9316c497151bf2a45fe4b955849"),
    "val-v2": (495, 5, "b319beea34769896c80399b14befdf8a"),
    "test-v2": (975, 5, "11f06bd97a512e62d7907d724c76e7c3"),
}


def _file(split: str, path: str, url: str) -> PublishedFile:
    return PublishedFile(path, _PUBLISHED[split][2], url, split)


ENTRY = DatasetEntry(
    name="audiocaps",
    splits={
        name: Split(
            audiocaps.captions_names(name), clips, per_clip, md5, optional=name in ("test-957", "val-v2", "test-v2")
        )
        for name, (clips, per_clip, md5) in _PUBLISHED.items()
    },
    read=audiocaps.load,
    training="train",
    validation="val",
    evaluation=("test", "test-957"),
    title="AudioCaps",
    url="https://github.com/cdjkim/audiocaps",
    files=(
        *(
            _file(split, path, _AUDIOCAPS.format(path))
            for split, path in (
                ("train", "dataset/train.csv"),
                ("val", "dataset/val.csv"),
                ("test", "dataset/test.csv"),
                ("val-v2", "dataset2.0/val.csv"),
                ("test-v2", "dataset2.0/test.csv"),
            )
        ),
        _file("test-957", "wavcaps_957_test.csv", _WAVCAPS.format("retrieval/data/AudioCaps/csv_files/test.csv")),
    ),
    home=audiocaps.home_of,
    by_hand="the audio of AudioCaps may not be passed on: get the videos' sound from YouTube yourself, 10 s from "
    "start_time, as {home}/audio/<train|val|test>/Y<youtube_id>.wav (or .flac, .mp3, .ogg)",
)
