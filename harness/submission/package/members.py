"""The files of what is handed in, be it a folder, a zip or one file: their list, and a safe way to read them.

Nothing of a zip is written under a name that the zip gives, and nothing is unpacked whose stated size is too large.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from harness.errors import UserError
from harness.machine import append, temporary_folder
from harness.submission.package.zip_directory import DamagedError, announced

MOST_MEMBERS = 10_000
"""A package of four systems has about ten."""
METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflate"}
"""How members may be packed: what every reader knows, and what unpacks in little memory."""

_DIRECTORY_BYTES_PER_MEMBER = 400
_PIECE = 1 << 20
# All that zipfile is known to raise on zips that are damaged, or made to do damage.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file, folder or link in what is handed in.

    Attributes:
        name: its path within, parts separated by "/", as written.
        kind: what it is.
        size: bytes, unpacked.
        packed: bytes in the zip; outside of a zip the same as `size`.
        method: number of the compression method, a key of `METHODS` where it is a usual one.
        encrypted: whether it needs a password.
        position: in the zip's directory.
    """

    name: str
    kind: Literal["file", "folder", "link", "other"]
    size: int
    packed: int
    method: int = zipfile.ZIP_STORED
    encrypted: bool = False
    position: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its path, empty ones left out."""
        return tuple(part for part in self.name.split("/") if part)

    @property
    def base(self) -> str:
        """The last part of its path."""
        return self.parts[-1] if self.parts else ""

    @property
    def suffix(self) -> str:
        """The suffix of its name, in lower case: `.csv`."""
        return PurePosixPath(self.base).suffix.lower()


class Tree(Protocol):
    """What is handed in.

    Attributes:
        path: of the zip, folder or file.
        name: for messages.
        members: the files, folders and links in it.
        damage: why it could not be read to its end; empty where it could.
    """

    path: Path
    name: str
    members: list[Member]
    damage: str

    def place(self, member: Member) -> AbstractContextManager[Path]:
        """A file with the member's bytes, which is there until the context ends.

        Raises:
            DamagedError: it cannot be unpacked.
        """
        ...


class FolderTree:
    """A folder; links in it are not followed."""

    damage = ""

    def __init__(self, path: Path, below: str = "") -> None:
        """List a folder.

        Args:
            path: the folder.
            below: what to put before every member's path.
        """
        self.path, self.name, self._below = path, path.name or str(path), below
        self.members: list[Member] = []
        try:
            self._list(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error

    def _list(self, top: Path) -> None:
        folders = [top]
        while folders:
            for entry in sorted(os.scandir(folders.pop()), key=lambda entry: entry.name):
                if len(self.members) > MOST_MEMBERS:
                    return
                status = entry.stat(follow_symlinks=False)
                kind = _kind(status.st_mode)
                name = self._below + Path(entry.path).relative_to(self.path).as_posix()
                # A name that is not UTF-8 must not stop the report it is named in.
                name = name.encode("utf-8", "backslashreplace").decode()
                size = 0 if kind == "folder" else status.st_size
                self.members.append(Member(name, kind, size, size, position=len(self.members)))
                if kind == "folder":
                    folders.append(Path(entry.path))

    @contextmanager
    def place(self, member: Member) -> Iterator[Path]:
        """The file itself."""
        yield _readable(self.path / member.name.removeprefix(self._below))


class FileTree:
    """One file alone."""

    damage = ""

    def __init__(self, path: Path) -> None:
        """Look at a file."""
        self.path, self.name = path, path.name
        size = path.stat().st_size
        self.members = [Member(path.name, "file", size, size)]

    @contextmanager
    def place(self, member: Member) -> Iterator[Path]:  # noqa: ARG002
        """The file itself."""
        yield _readable(self.path)


class ZipTree:
    """A zip, of which only the directory is read; a broken one has no members, and `damage` says why."""

    def __init__(self, path: Path) -> None:
        """Read a zip's directory."""
        self.path, self.name, self.damage = path, path.name, ""
        self.members: list[Member] = []
        try:
            directory = announced(path)
            if directory.size > MOST_MEMBERS * _DIRECTORY_BYTES_PER_MEMBER or directory.members > MOST_MEMBERS:
                self.damage = (
                    f"its directory lists {directory.members:,} members in {directory.size:,} bytes; "
                    f"{MOST_MEMBERS:,} members are the most that is read"
                )
                return
            with zipfile.ZipFile(path) as opened:
                self.members = [_member(info, position) for position, info in enumerate(opened.infolist())]
        except (DamagedError, *_BROKEN) as error:
            self.damage = _reason(error)

    @contextmanager
    def place(self, member: Member) -> Iterator[Path]:
        """The member, unpacked into a temporary folder under another name."""
        with temporary_folder() as folder:
            target = folder / f"member{member.suffix if member.suffix.isascii() else ''}"[:40]
            try:
                with zipfile.ZipFile(self.path) as opened:
                    info = opened.infolist()[member.position]
                    _add(target, b"")
                    with opened.open(info) as source:
                        while piece := source.read(_PIECE):
                            _add(target, piece)
            except _BROKEN as error:
                raise DamagedError(_reason(error)) from None
            yield target


def open_tree(path: Path, top_folder: str) -> Tree:
    """List the files of what is handed in.

    Args:
        path: a zip, a folder, or one file. A folder may be the package or the top folder in it.
        top_folder: name of the top folder.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    try:
        if path.is_dir():
            return FolderTree(path, f"{top_folder}/" if path.resolve().name == top_folder else "")
        if not path.exists():
            raise UserError(f"{path} does not exist; expected a CSV, a YAML, a folder or a zip")
        if not path.is_file():
            raise UserError(f"{path} is no regular file; expected a CSV, a YAML, a folder or a zip")
        if path.suffix.lower() == ".zip":
            return ZipTree(path)
        return FileTree(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def is_package(path: Path) -> bool:
    """Whether it is a folder or a zip, which may hold several outputs.

    >>> is_package(Path("Primus_CP-JKU.zip")), is_package(Path("output.csv"))
    (True, False)
    """
    return path.is_dir() or path.suffix.lower() == ".zip"


def _member(info: zipfile.ZipInfo, position: int) -> Member:
    mode = info.external_attr >> 16
    # Other systems than Unix leave no mode.
    kind = _kind(mode) if stat.S_IFMT(mode) and info.create_system == 3 else "file"
    name = info.orig_filename.replace("\0", "\\0")
    if name.endswith("/") and kind == "file":
        kind = "folder"
    return Member(
        name.encode("utf-8", "backslashreplace").decode(),
        kind,
        info.file_size,
        info.compress_size,
        info.compress_type,
        bool(info.flag_bits & 1),
        position,
    )


def _readable(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise DamagedError(_reason(error)) from None
    return path


def _kind(mode: int) -> Literal["file", "folder", "link", "other"]:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _add(unpacked: Path, piece: bytes) -> None:
    """Write a piece of a member; that this fails says nothing of the package.

    Raises:
        UserError: it cannot be written.
    """
    try:
        append(unpacked, [piece])
    except OSError as error:
        raise UserError(
            f"cannot unpack into {unpacked.parent}: {error.strerror or error}; make room there, or set TMPDIR to a "
            "folder on another disk"
        ) from error


def _reason(error: BaseException) -> str:
    """What is wrong, without the names of temporary files."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())[:200] or type(error).__name__
