"""A folder that is needed for a moment."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "lbar-work-"
_LOCK = ".lock"
_NEW_SECONDS = 60


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty folder, which is gone afterwards.

    A process that is killed leaves its folder behind; the next one removes it, since nobody holds its lock.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, FileLock(Path(name) / _LOCK):
        folder = Path(name) / "files"
        folder.mkdir()
        yield folder


def _remove_abandoned(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*"):
        try:
            known = folder.lstat()
            # Other people's are theirs; and another process may just be about to take a new one.
            if (
                stat.S_ISDIR(known.st_mode)
                and known.st_uid == os.getuid()
                and time.time() - known.st_mtime > _NEW_SECONDS
            ):
                with FileLock(folder / _LOCK, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
        except (OSError, Timeout):
            continue
