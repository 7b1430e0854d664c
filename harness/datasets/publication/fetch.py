"""Download what may be downloaded of a data set, and say what must be got by other means."""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from harness.datasets.entry import DatasetEntry, PublishedFile
from harness.datasets.known import known_dataset, selected_splits
from harness.datasets.publication.unpack import unpack
from harness.datasets.readers.layout import find_files
from harness.errors import UserError
from harness.machine import Progress, download, silent

INSTALL_UNPACKER = "python -m pip install py7zr"
"""The command that installs what archives are unpacked with."""


def lacks_unpacker() -> bool:
    """Whether archives cannot be unpacked here."""
    return importlib.util.find_spec("py7zr") is None


def fetch(
    name: str,
    data_root: Path,
    *,
    splits: Sequence[str] | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Download a data set into the data root, verified; what is there already is left alone.

    Args:
        name: of the data set.
        data_root: it goes where the data set already is, else into `data_root/<name>`.
        splits: only these; by default all.
        progress: opened for every file, with its number of bytes.

    Returns:
        One line per file, and one on what the user must get by other means.

    Raises:
        UserError: an unknown data set or split, or files that could not be fetched; all of them are listed. The others
            are in place, and the same call continues where this one stopped.
    """
    chosen = selected_splits(name, splits)
    entry = known_dataset(name)
    home = _home(entry, data_root)
    wanted = [file for file in entry.files if file.split in chosen]
    lines: list[str] = []
    problems: list[str] = []
    with _only_one(home) if wanted else nullcontext():
        for file in wanted:
            try:
                lines.append(_obtain(file, entry, home, progress))
            except UserError as error:
                problems.append(str(error))
    by_hand = [entry.by_hand.format(home=home, data_root=data_root)] if entry.by_hand else []
    problems = list(dict.fromkeys(problems))
    if problems:
        failed = f"{len(wanted) - len(lines)} of {len(wanted)} files of {name} could not be fetched"
        raise UserError(f"{failed}; mend this and run it again", [*problems, *by_hand])
    return lines + by_hand


def _home(entry: DatasetEntry, data_root: Path) -> Path:
    """The folder the data set is in, or is to be in."""
    for split in entry.splits.values():
        if found := find_files(data_root, entry.name, split.captions_files):
            return entry.home(found[0])
    return data_root / entry.name


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Keep other processes from fetching into the same folder, which is made where it is not there."""
    from filelock import FileLock, Timeout

    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / ".fetch.lock", timeout=0):
            yield
    except Timeout as error:
        raise UserError(f"another process is fetching into {home}; wait for it to end") from error
    except OSError as error:
        raise UserError(f"{home} cannot be written: {error.strerror}; choose another --data-root") from error


def _obtain(file: PublishedFile, entry: DatasetEntry, home: Path, progress: Progress) -> str:
    """Have one file in place, unpacked where it is an archive; return what was done."""
    target = home / file.path
    if not file.is_archive:
        return f"{target} {_have(file, target, progress)}"
    folder = entry.audio_folder(target, file.split)
    if folder.is_dir():
        return f"{folder} is there already"
    if lacks_unpacker():
        raise UserError(f"archives (*.7z) cannot be unpacked without py7zr; install it: {INSTALL_UNPACKER}")
    _have(file, target, progress)
    unpack(target, folder, progress)
    target.unlink()
    return f"{folder} downloaded and unpacked"


def _have(file: PublishedFile, target: Path, progress: Progress) -> str:
    """Download unless it is there; never replace what the user has put there."""
    import pooch

    if not target.exists():
        download(file.url, target, file.md5, progress)
        return "downloaded"
    found = pooch.file_hash(str(target), alg="md5")
    if found != file.md5:
        raise UserError(
            f"{target} is not the published file (MD5 {found}, expected {file.md5}); move it away and run again"
        )
    return "is there already"
