"""Look at a data set as it lies on disk, and list everything that is wrong with it."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.audio import Clip
from harness.datasets.dataset import RetrievalDataset
from harness.datasets.known import known_dataset, load, selected_splits
from harness.datasets.publication.deviations import differences_from_published
from harness.datasets.readers.audio_files import AUDIO_SUFFIXES, nearly_called, what_is_there
from harness.datasets.readers.layout import find_files
from harness.errors import UserError
from harness.interface import Finding
from harness.machine import Progress, silent, usable_cores

# Every clip is decoded in full; the rate decides only how much work the resampling is.
_SAMPLE_RATE = 32000

_THERE = "every clip of the captions file is there"
_LISTED = "every clip that is there is in the captions file"


def verify(
    name: str, data_root: Path, *, splits: Sequence[str] | None = None, progress: Progress = silent
) -> list[Finding]:
    """Check presence, counts, checksums of the published files, missing and surplus clips, and every clip's sound.

    Every clip is decoded: it must hold sound that can be heard, and be as long and of the rate that is published.

    Args:
        name: of the data set.
        data_root: where to look.
        splits: only these. By default all; optional ones only where their captions file is there.
        progress: moved on by each clip that is decoded, one stage per split.

    Returns:
        All findings, split by split, each with the split as its `check`, and those of one kind with one `rule`; none
        where all is well.

    Raises:
        UserError: an unknown data set or split. What is wrong with the data is never raised.
    """
    asked = [split for split in selected_splits(name, splits) if splits or _is_expected(name, split, data_root)]
    findings: list[Finding] = []
    loaded: dict[str, RetrievalDataset] = {}
    # Splits may share a folder of audio, so a file is surplus only if no split lists it.
    for split in selected_splits(name):
        try:
            loaded[split] = load(name, split, data_root, progress=progress)
        except UserError as error:
            if split in asked:
                messages = error.problems or (str(error),)
                findings += [Finding(text, file=str(data_root), check=split, rule=str(error)) for text in messages]
    listed = frozenset(clip.path for dataset in loaded.values() for clip in dataset.clips)
    for split in asked:
        if split in loaded:
            findings += [
                Finding(message, file=str(data_root), check=split)
                for message in differences_from_published(loaded[split], data_root)
            ]
            findings += _other_files(loaded[split], data_root)
            findings += _missing_and_surplus(loaded[split], listed)
            findings += _unusable(loaded[split], progress)
    return findings


def _other_files(dataset: RetrievalDataset, data_root: Path) -> Iterator[Finding]:
    """Published files of the split other than captions and audio: not the published ones, or missing and needed."""
    entry = known_dataset(dataset.name)
    captions = entry.splits[dataset.split].captions_files
    for file in entry.files:
        if file.split != dataset.split or file.is_archive or file.path in captions:
            continue
        path = entry.home(find_files(data_root, entry.name, captions)[0]) / file.path
        if not path.is_file():
            if file.needed_for:
                found = f"{path} is missing, which {file.needed_for} needs; get it with `lbar data fetch {entry.name}`"
                yield _finding(dataset, path, found)
        elif (md5 := hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()) != file.md5:
            yield _finding(dataset, path, f"{path} is not the published file: MD5 {md5}, expected {file.md5}")


def _is_expected(name: str, split: str, data_root: Path) -> bool:
    known = known_dataset(name).splits[split]
    return not known.optional or bool(find_files(data_root, name, known.captions_files))


def _missing_and_surplus(dataset: RetrievalDataset, listed: frozenset[Path]) -> list[Finding]:
    missing = [clip for clip in dataset.clips if not clip.path.is_file()]
    folders = dict.fromkeys(clip.path.parent for clip in dataset.clips)
    surplus = [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir())]
    surplus = [file for file in surplus if file.suffix.lower() in AUDIO_SUFFIXES and file not in listed]
    if len(missing) == len(dataset.clips):
        return [_all_missing(dataset)]
    misspelt = nearly_called(clip.path for clip in missing)
    findings = [_finding(dataset, clip.path, _missing(clip, misspelt.get(clip.path)), _THERE) for clip in missing]
    explained = frozenset(path.with_name(name) for path, name in misspelt.items())
    published = known_dataset(dataset.name).splits[dataset.split].captions_files
    mend = "move it away" if published else "it takes no part; add a row for it, or move it away"
    return findings + [
        _finding(dataset, file, f"{file} is a clip that the captions file does not list; {mend}", _LISTED)
        for file in surplus
        if file not in explained
    ]


def _all_missing(dataset: RetrievalDataset) -> Finding:
    first = dataset.clips[0].path
    return _finding(
        dataset,
        first.parent,
        f"{first.parent} has none of the {len(dataset.clips)} clips of {dataset.split}: {what_is_there(first)} "
        f"(see `lbar data fetch {dataset.name}`)",
    )


def _missing(clip: Clip, misspelt: str | None) -> str:
    if misspelt is not None:
        return f"{clip.path} is missing, but {misspelt!r} is there; rename it: names are compared to the letter"
    return f"{clip.path} is missing; the captions file lists it"


def _unusable(dataset: RetrievalDataset, progress: Progress) -> Iterator[Finding]:
    """Clips that cannot be decoded, whose sound is odd, or that cannot be the published recordings."""
    from harness.audio import BrokenAudio, Recording, decode_recording

    paths = [clip.path for clip in dataset.clips if clip.path.is_file()]
    advance = progress(f"{dataset.name} {dataset.split}", len(paths))
    published = known_dataset(dataset.name).recordings

    def look(path: Path) -> BrokenAudio | Recording:
        try:
            # Only what is known of the recording is kept: the samples of all would fill the memory.
            return replace(decode_recording(path, _SAMPLE_RATE), samples=np.zeros(0, np.float32))
        except BrokenAudio as error:
            return error

    with ThreadPoolExecutor(usable_cores()) as pool:
        for path, found in zip(paths, pool.map(look, paths), strict=True):
            advance(1)
            if isinstance(found, BrokenAudio):
                yield _finding(dataset, path, str(found), "every clip can be decoded")
                continue
            if found.remark:
                yield _finding(dataset, path, f"{path} {found.remark}", "every clip has sound that can be heard")
            if not published.admits(found.seconds):
                rule = f"a clip of {dataset.name} lasts {published.lengths}"
                yield _finding(dataset, path, f"{path} lasts {found.seconds:.1f} s, but {rule}", rule)
            if published.rate not in (None, found.rate):
                rule = f"a clip of {dataset.name} has {published.rate:,} samples a second"
                yield _finding(dataset, path, f"{path} has {found.rate:,} samples a second, but {rule}", rule)


def _finding(dataset: RetrievalDataset, file: Path, message: str, rule: str = "") -> Finding:
    return Finding(message, file=str(file), check=dataset.split, rule=rule)
