"""One process at a time at a folder of kept work."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError

_log = logging.getLogger(__name__)


@contextmanager
def exclusive(lock: Path, what: str, folder_variable: str = "LBAR_CACHE") -> Iterator[None]:
    """Hold the lock file, whose folder is made where it does not exist; say so when waiting for another process.

    Args:
        lock: the lock file.
        what: is kept in its folder, for messages: "embeddings", "decoded audio".
        folder_variable: the environment variable that moves the folder, for messages.

    Raises:
        UserError: the disk refused something, here or in the block: full, read-only, or without permission.
    """
    from filelock import FileLock, Timeout

    folder = lock.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock)
        try:
            held.acquire(timeout=0)
        except Timeout:
            _log.warning("waiting for another process that keeps %s in %s", what, folder)
            held.acquire()
        try:
            yield
        finally:
            held.release()
    except OSError as error:
        raise UserError(
            f"cannot keep {what} in {folder}: {error.strerror or error}; "
            f"free some space there or set {folder_variable} to a folder that can be written"
        ) from error
