"""What the cache holds, by kind: how much it is, and taking it away."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.errors import UserError

KINDS_OF_KEPT = {
    "samples": "decoded audio",
    "old-samples": "audio decoded by another version, which nothing reads any more",
    "embeddings": "embeddings of clips and captions",
    "correspondences": "teachers' embeddings of training data",
    "systems": "what a finished evaluation is looked up by, so that no weights are loaded for it",
    "everyday": "the bundled benchmark, rendered",
    "indexes": "indexes of sounds, and their vectors for exact search",
    "mlflow": "runs downloaded from MLflow",
}
"""The kinds of what is kept, and what they are; all of it can be made again."""

# Only folders of these names are ours: someone may have pointed the cache at a folder with other things.
_FOLDERS = {
    "samples": ("pcm", r".+-[0-9a-f]{8}"),
    "embeddings": ("embeddings", r"[0-9a-f]{64}"),
    "correspondences": ("correspondences", r"[0-9a-f]{64}"),
    "systems": ("systems", r"[0-9a-f]{64}"),
    "everyday": ("", r"everyday-\d+"),
    "indexes": ("indexes", r"[0-9a-f]{64}"),
    "mlflow": ("mlflow", r"[0-9a-f]{16}"),
}


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """Something that is kept.

    Attributes:
        kind: one of `KINDS_OF_KEPT`.
        folder: where it is.
        size: bytes of all its files.
    """

    kind: str
    folder: Path
    size: int

    def delete(self) -> bool:
        """Delete it, unless another process is writing it now; return whether it is gone.

        Raises:
            UserError: it cannot be deleted.
        """
        try:
            with _unused(self.folder) as unused:
                if unused:
                    shutil.rmtree(self.folder)
        except OSError as error:
            raise UserError(
                f"{error.filename or self.folder} cannot be deleted: {error.strerror or error}; mend its permissions, "
                "or delete it yourself"
            ) from error
        return unused


def kept_in(root: Path, decoder: str) -> list[KeptFolder]:
    """What a cache folder holds, kind by kind.

    Args:
        root: the folder.
        decoder: the version of the decoder, as `decoder_version` gives it: samples of others are old.
    """
    found = []
    for kind, (place, pattern) in _FOLDERS.items():
        for folder in sorted((root / place).glob("*")):
            if re.fullmatch(pattern, folder.name) and folder.is_dir() and not folder.is_symlink():
                old = kind == "samples" and not folder.name.endswith(f"-{decoder}")
                found.append(KeptFolder("old-samples" if old else kind, folder, _size(folder)))
    return sorted(found, key=lambda one: list(KINDS_OF_KEPT).index(one.kind))


class Disk(NamedTuple):
    """A disk: its number for the operating system, and the bytes that are free on it."""

    number: int
    free: int


def disk_of(place: Path) -> Disk:
    """The disk on which a folder is, or would be made."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return Disk(place.stat().st_dev, shutil.disk_usage(place).free)


@contextmanager
def _unused(folder: Path) -> Iterator[bool]:
    """Hold all locks of a folder, if no other process has one: whether it is so."""
    from filelock import FileLock, Timeout

    with ExitStack() as locks:
        try:
            for lock in folder.rglob("*lock"):
                locks.enter_context(FileLock(lock, timeout=0))
            unused = True
        except Timeout:
            unused = False
        yield unused


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            # Another process deleted it just now.
            continue
    return total
