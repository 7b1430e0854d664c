"""WavCaps: machine-written captions for four sources of sound, for training only."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.datasets.clip_names import stem
from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.entry import DatasetEntry, Recordings, Split
from harness.datasets.readers.audio_files import AudioFiles, one_each
from harness.datasets.readers.layout import distinct, possible_homes
from harness.errors import UserError, one_line
from harness.machine import Progress, read_json

_MOST_BYTES = 1 << 30
"""Bytes of one of its JSON files; the largest has about 100 MB."""

SOURCES = {
    "AudioSet_SL": ("as_final.json",),
    "BBC_Sound_Effects": ("bbc_final.json",),
    "FreeSound": ("fsd_final.json", "fsd_final_2s.json"),
    "SoundBible": ("sb_final.json",),
}
# Published as broken or missing.
BROKEN = frozenset(
    f"AudioSet_SL/{video}.flac"
    for video in ("YVcu0pVF1npM", "Y06-g5jz-OGc", "Y3sSblRfEG2o", "YWudGD6ZHRoY", "YFli8wjBFV2M", "YmW3S0u8bj58")
)


def _read(data_root: Path, split: str, _progress: Progress) -> RetrievalDataset:
    """Read all four sources. A clip is named `<source>/<id>.flac`, as sources may have the same ids."""
    home = _home(data_root)
    captions: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for source, names in SOURCES.items():
        paths = distinct(home / "json_files" / source / name for name in names)
        if len(paths) != 1:
            missing = f"{home / 'json_files' / source / names[0]} is missing"
            problems.append(f"{' and '.join(map(str, paths))} differ; keep one" if paths else missing)
            continue
        (path,) = paths
        for number, (clip, caption) in enumerate(_items(path, source)):
            if not caption.strip():
                problems.append(f"{path}: the caption of entry {number} ({clip}) is empty")
            if clip in captions:
                problems.append(f"{path}: entry {number} ({clip}) is there twice")
            captions[clip] = (caption,)
    if problems:
        raise UserError(
            f"WavCaps in {home} is incomplete or damaged; `lbar data fetch wavcaps` says where to get it", problems
        )
    kept = {clip: texts for clip, texts in captions.items() if clip not in BROKEN}
    return from_captions("wavcaps", split, home, kept, _audio_path(home, split, kept))


def _audio_path(home: Path, split: str, clips: Iterable[str]) -> Callable[[str], Path]:
    """Where the audio of a clip is: in a folder called as its source, or `<source>_flac` as the archives have it."""
    folders: dict[str, list[Path]] = {source: [] for source in SOURCES}
    # The archives unpack to a deep path of their own.
    for folder, below, _ in os.walk(home):
        below[:] = sorted(name for name in below if name != "json_files" and not name.startswith("."))
        source = Path(folder).name.removesuffix("_flac")
        if source in SOURCES:
            folders[source].append(Path(folder))
    files = {source: AudioFiles(found) for source, found in folders.items()}
    found = {clip: files[source].find(name) for clip in clips for source, _, name in [clip.partition("/")]}

    def expected(clip: str) -> Path:
        source, _, name = clip.partition("/")
        return [home / "audio" / source, *folders[source]][-1] / name

    return one_each(f"wavcaps {split}", found, expected)


def _id_of(name: str) -> str | None:
    """The FreeSound number or AudioSet video of a clip; `None` for other sources, whose numbers coincide with these.

    >>> _id_of("FreeSound/5.flac"), _id_of("SoundBible/5.flac")
    ('5', None)
    """
    return stem(name) if name.partition("/")[0] in ("FreeSound", "AudioSet_SL") else None


def _home(data_root: Path) -> Path:
    homes = [folder for folder in possible_homes(data_root, "wavcaps") if (folder / "json_files").is_dir()]
    homes = list({folder.resolve(): folder for folder in homes}.values())
    if len(homes) > 1:
        places = " and ".join(map(str, homes))
        raise UserError(f"wavcaps is in the data root several times: {places}; give one folder with --data-root")
    if not homes:
        raise UserError(
            f"no folder json_files in {data_root} or a subfolder wavcaps*; "
            "`lbar data fetch wavcaps` says where to get it"
        )
    return homes[0]


def _items(path: Path, source: str) -> Iterator[tuple[str, str]]:
    """Clip name and caption of each entry."""
    try:
        for item in read_json(path, most=_MOST_BYTES)["data"]:
            # AudioSet ids carry the extension of the videos' audio, the archives hold FLAC.
            yield f"{source}/{str(item['id']).removesuffix('.wav')}.flac", str(item["caption"])
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f'{path}: not a WavCaps file ({one_line(error)}); expected {{"data": [{{"id": ..., "caption": ...}}]}}'
        ) from error


ENTRY = DatasetEntry(
    name="wavcaps",
    splits={"train": Split(captions_per_clip=1, hours=7_568, clips_about=403_050)},
    read=_read,
    training="train",
    title="WavCaps",
    url="https://github.com/XinhaoMei/WavCaps",
    recordings=Recordings(rate=32_000),
    by_hand="WavCaps is for academic use and is not fetched: get json_files and Zip_files from the Hugging Face "
    "data set cvssp/WavCaps and unpack them as {home}/json_files and {home}/audio/<source>/<id>.flac",
    id_in_name=_id_of,
)
