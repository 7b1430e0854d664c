"""Files that are written whole or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from harness.errors import UserError


def write_text(target: Path, text: str) -> None:
    """Write a text file.

    Raises:
        UserError: it cannot be written.
    """
    _write(target, lambda temporary: temporary.write_text(text, encoding="utf-8", newline=""))


def copy(source: Path, target: Path) -> None:
    """Copy a file.

    Raises:
        UserError: it cannot be read or written.
    """
    _write(target, lambda temporary: shutil.copyfile(source, temporary))


def _write(target: Path, write: Callable[[Path], object]) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}; name another place") from error
    finally:
        temporary.unlink(missing_ok=True)
