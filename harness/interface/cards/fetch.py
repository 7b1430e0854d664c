"""Download the files that a card needs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.interface.cards.ancestors import ancestors_of
from harness.interface.cards.card import read_card, training_of
from harness.interface.cards.files import CardFile, missing_line, weights_root
from harness.interface.systems import Needed, look_at, needed_files
from harness.machine import Progress, download, exclusive, is_sound, silent, write_checksums


def fetch_files(name: str, *, training: bool = False, progress: Progress = silent) -> Iterator[str]:
    """Download a system's files into the weights folder; a file that is there already is left alone.

    Parts of a file that lie there under their published names are joined and not downloaded again. A file that nobody
    published, such as weights that training makes, is told of in a line and no failure.

    Args:
        name: a registered system, or a card's path.
        training: whether to get what training it needs, too: the files that only training needs, of the system and of
            all its ancestors.
        progress: opened for every file and moved on by its bytes.

    Yields:
        A line per file.

    Raises:
        UserError: there is no such system, or files cannot be downloaded; all of these are listed, after all others
            are in place.
    """
    wanted = files_to_fetch(name, training=training)
    if not wanted:
        yield f"{name} needs no files"
        return
    problems = []
    with exclusive(weights_root() / ".fetch.lock", "weights", folder_variable="LBAR_WEIGHTS"):
        for needed in wanted:
            if needed.place is not None:
                yield f"{needed.place} is there already"
            elif not needed.file.may_be_fetched:
                line = missing_line(needed.file, needed.system)
                if needed.file.page:
                    problems.append(line)
                else:
                    yield line
            else:
                try:
                    yield f"{_get(needed.file, progress)} downloaded"
                except UserError as error:
                    problems.append(str(error))
    if problems:
        failed = f"{len(problems)} of {len(wanted)} files of {name} could not be fetched"
        raise UserError(f"{failed}; mend this and run it again", problems)


def files_to_fetch(name: str, *, training: bool = False) -> list[Needed]:
    """The files that a system needs, each path once: to run, or with its ancestors to be trained.

    Raises:
        UserError: there is no such system, or a card cannot be read.
    """
    listing = look_at(name)
    if listing.problem:
        raise UserError(listing.problem)
    if not (training and listing.card):
        return [needed for needed in listing.files if not needed.file.training_only]
    card, folder = read_card(name)
    systems = [name, *(ancestor.name for ancestor in ancestors_of(training_of(card), folder))]
    found: dict[str, Needed] = {}
    for system in systems:
        for needed in needed_files(system):
            found.setdefault(needed.file.path, needed)
    return list(found.values())


def _get(file: CardFile, progress: Progress) -> Path:
    """Download one file, or its parts and join them, or the missing files of a folder.

    Raises:
        UserError: it cannot be downloaded, or would lie outside the weights folder.
    """
    target = weights_root() / file.path
    if not target.resolve().is_relative_to(weights_root().resolve()):
        raise UserError(f"{file.path} is outside {weights_root()}, where nothing is downloaded to; correct the card")
    if file.contents:
        missing = {name: url for name, url in file.contents.items() if not (target / name).exists()}
        for name, url in missing.items():
            download(url, target / name, None, progress)
        write_checksums(target, missing)
        return target
    if len(file.urls) == 1:
        download(file.urls[0], target, file.md5, progress)
    else:
        parts = [target.with_name(name) for name in file.part_names()]
        for url, part in zip(file.urls, parts, strict=True):
            if not part.exists():
                download(url, part, None, progress)
        join(parts, target, file.md5)
        for part in parts:
            part.unlink()
    write_checksums(target.parent, [target.name])
    return target


def join(parts: list[Path], target: Path, md5: str | None = None) -> None:
    """Join a file from its parts, in a stream, so that little memory is used however large they are.

    The parts are left where they are. A checkpoint without a checksum counts as whole if it is a zip archive whose
    members all pass the archive's own checks.

    Raises:
        UserError: a part is missing or empty, the joined file is damaged, or the disk is full.
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
        if not is_sound(unfinished, md5, must_be_archive=target.suffix in (".ckpt", ".pt")):
            sizes = ", ".join(f"{part} ({part.stat().st_size:,} bytes)" for part in parts)
            raise UserError(
                f"{target.name} is damaged when its parts are joined; they are kept: {sizes}; delete the one that is "
                "too short or not the published one, and fetch again"
            )
        unfinished.replace(target)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror or error}; make room and run again") from error
    finally:
        unfinished.unlink(missing_ok=True)
