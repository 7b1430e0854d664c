"""A folder that is needed for a moment."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import UserError

_PREFIX = "lbar-work-"
_LOCK = ".lock"
_NEW_SECONDS = 60


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty folder, which is gone afterwards.

    A process that is killed leaves its folder behind; the next one removes it, since nobody holds its lock.

    Raises:
        UserError: it cannot be made.
    """
    with ExitStack() as held:
        try:
            _remove_abandoned(Path(tempfile.gettempdir()))
            name = held.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX))
            held.enter_context(FileLock(Path(name) / _LOCK))
            folder = Path(name) / "files"
            folder.mkdir()
        except OSError as error:
            raise UserError(
                f"in {tempfile.tempdir or 'the folders for temporary files'} nothing can be written: "
                f"{error.strerror or error}; make room there, or set TMPDIR to a folder on another disk"
            ) from error
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
