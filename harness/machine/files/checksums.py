"""Checksums kept beside the files that they are of, so that what was damaged since it was written is never used.

The file `checksums.xxh128` has a line per file, as `xxh128sum` prints it: `xxh128sum --check checksums.xxh128` says the
same. Files that it does not name, and folders without it, come from an earlier version or from elsewhere: nothing is
known of them.
"""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import UserError
from harness.machine.files.whole_file import write_text

CHECKSUMS = "checksums.xxh128"
_PIECE_BYTES = 1 << 20


def write_checksums(folder: Path, names: Iterable[str], elsewhere: Iterable[Path] = ()) -> None:
    """Write down the checksums of files that were just written; those of other files in the folder stay.

    Args:
        folder: receives the file `checksums.xxh128`.
        names: of the files, from the folder.
        elsewhere: further files, which lie in another folder and are going to lie in one with these.

    Raises:
        UserError: a file cannot be read, or the checksums cannot be written.
    """
    try:
        found = _read(folder) | {name: checksum(folder / name) for name in names}
        found |= {path.name: checksum(path) for path in elsewhere}
    except OSError as error:
        raise UserError(f"cannot read what was written to {folder}: {error.strerror or error}") from error
    write_text(folder / CHECKSUMS, "".join(f"{content}  {name}\n" for name, content in sorted(found.items())))


def require_undamaged(path: Path, mend: str) -> bool:
    """Refuse a file whose content is not what was written there.

    Args:
        path: the file; one that is missing is not refused.
        mend: how to get it anew, as a clause for the message.

    Returns:
        Whether its content was compared with a checksum.

    Raises:
        UserError: the file is damaged.
    """
    known = _read(path.parent).get(path.name)
    try:
        if known is None or checksum(path) == known:
            return known is not None
    except OSError:
        return False
    raise UserError(
        f"{path} is damaged, or was changed since it was written: its checksum is not the one in {CHECKSUMS} beside "
        f"it; {mend} (or, if you changed it yourself, take its line out there)"
    )


def damaged_files(folder: Path) -> list[str]:
    """Names of the files in a folder whose content is not what was written there; files that are missing do not count.

    A folder without checksums has none.
    """
    return list(_damaged(folder))


def _damaged(folder: Path) -> Iterator[str]:
    for name, known in _read(folder).items():
        try:
            if checksum(folder / name) != known:
                yield name
        except OSError:
            continue


def is_sound(path: Path, md5: str | None = None, *, must_be_archive: bool = False) -> bool:
    """Whether a file is whole, as far as it can be told without checksums beside it.

    Args:
        path: the file.
        md5: its checksum as published, which decides where it is known.
        must_be_archive: whether it has to be a zip archive, as torch's checkpoints are. Whatever is one passes its
            archive's own checks, which torch does not make; nothing is known of other files, and they pass.
    """
    if md5 is not None:
        import pooch

        return bool(pooch.file_hash(str(path), alg="md5") == md5)
    return _passes_own_checks(path) if must_be_archive or is_archive(path) else True


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _passes_own_checks(archive: Path) -> bool:
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.testzip() is None
    # Damaged headers can fail in any way.
    except Exception:
        return False


def _read(folder: Path) -> dict[str, str]:
    """The checksums of a folder's files by name; a line that cannot be read is left out."""
    try:
        text = (folder / CHECKSUMS).read_bytes().decode(errors="replace")
    except OSError:
        return {}
    lines = (line.split("  ", 1) for line in text.split("\n"))
    return {parts[1]: parts[0] for parts in lines if len(parts) == 2}


def checksum(path: Path) -> str:
    """XXH3-128 of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    import xxhash

    content = xxhash.xxh3_128()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            content.update(piece)
    return content.hexdigest()
