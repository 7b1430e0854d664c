"""Download what may be downloaded of the files a card needs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.availability import Listing, look_at
from harness.card_files import CardFile, weights_root
from harness.download import download
from harness.errors import UserError
from harness.locking import exclusive
from harness.progress import Progress, silent


def fetch_files(name: str, *, training: bool = False, progress: Progress = silent) -> Iterator[str]:
    """Download a system's files into the weights folder; what is there already is left alone.

    Parts that lie there already, named as published, are joined, not downloaded.

    Args:
        name: a registered system, or a card's path.
        training: whether to get what only training needs, too.
        progress: told of every file and its bytes.

    Yields:
        A line per file.

    Raises:
        UserError: no such system, or some files cannot be had; all of them are listed, the others are in place.
    """
    listing = look_at(name)
    if listing.problem:
        raise UserError(listing.problem)
    problems = []
    with exclusive(weights_root() / ".fetch.lock", "weights"):
        for file, is_here in _wanted(listing, training):
            target = weights_root() / file.path
            if is_here:
                yield f"{file.path} is there already"
            elif not file.may_be_fetched:
                problems.append(f"{target}: get it from {file.page or file.origin or 'its publisher'}")
            else:
                try:
                    _get(file, target, progress)
                    yield f"{target} downloaded"
                except UserError as error:
                    problems.append(str(error))
    if problems:
        raise UserError(f"{len(problems)} of the files of {name} could not be fetched", problems)


def _wanted(listing: Listing, training: bool) -> list[tuple[CardFile, bool]]:
    """The files asked for, and whether each is here; of a folder, all that would be downloaded."""
    needed = [one for one in listing.files if training or not one.file.training_only]
    return [(one.file, one.place is not None and _is_whole(one.place, one.file)) for one in needed]


def _is_whole(place: Path, file: CardFile) -> bool:
    return all((place / name).exists() for name in file.contents)


def _get(file: CardFile, target: Path, progress: Progress) -> None:
    """One file, its parts joined, or what is missing in a folder."""
    if file.contents:
        for name, url in file.contents.items():
            if not (target / name).exists():
                download(url, target / name, None, progress)
    elif len(file.urls) == 1:
        download(file.urls[0], target, file.md5, progress)
    else:
        parts = [target.with_name(name) for name in file.part_names()]
        for url, part in zip(file.urls, parts, strict=True):
            if not part.exists():
                download(url, part, None, progress)
        join(parts, target)
        for part in parts:
            part.unlink()


def join(parts: list[Path], target: Path) -> None:
    """Put a file together from its parts, in a stream: memory stays small however large they are.

    Raises:
        UserError: a part is missing or empty, or the disk is full.
    """
    absent = [str(part) for part in parts if not part.is_file() or not part.stat().st_size]
    if absent:
        raise UserError(f"{target.name} cannot be joined: {', '.join(absent)} is missing or empty; download it again")
    unfinished = target.with_name(target.name + ".joining")
    try:
        with unfinished.open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole, 1 << 22)
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UserError(f"{target} cannot be written: {error.strerror or error}; make room and run again") from error
