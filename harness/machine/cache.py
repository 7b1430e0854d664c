"""Where derived files are kept: anything in there can be made again."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError

_log = logging.getLogger(__name__)


def cache_root() -> Path:
    """The folder named by the environment variable `LBAR_CACHE`, else the user's cache folder of this platform."""
    named = os.environ.get("LBAR_CACHE")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("lbar")


def embedding_key(*parts: object) -> str:
    """Content address of a set of embeddings: SHA-256 over everything that decides them."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


@contextmanager
def exclusive(lock: Path, what: str, folder_variable: str = "LBAR_CACHE") -> Iterator[None]:
    """Hold a lock file; a warning is logged where another process has it and this one has to wait.

    Args:
        lock: the lock file; its folder is made where it does not exist.
        what: what is kept in its folder, for messages: "embeddings", "decoded audio".
        folder_variable: the environment variable that names the folder, for messages.

    Raises:
        UserError: the disk is full, read-only, or not permitted to be written, here or in the block.
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
