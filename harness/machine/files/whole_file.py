"""Files that are written, or added to, wholly or not at all."""

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
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


def append(target: Path, parts: Iterable[bytes | memoryview], unit: int = 1) -> int:
    """Write at the end of a file, which is made where it is not there: all of the parts, or nothing.

    Only a process that is killed leaves a part; where the file consists of units of one size, the next call removes it.

    Args:
        target: the file.
        parts: what is written, one after the other; memory of single bytes.
        unit: size of a unit in bytes.

    Returns:
        Where in the file it was written.

    Raises:
        OSError: it cannot be written.
    """
    with target.open("ab", buffering=0) as file:
        start = file.tell() // unit * unit
        file.truncate(start)
        try:
            for part in parts:
                rest = memoryview(part)
                while rest:
                    rest = rest[file.write(rest) :]
        except BaseException:
            file.truncate(start)
            raise
    return start


def _write(target: Path, write: Callable[[Path], object]) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}; name another place") from error
    finally:
        # Beneath a file there is nothing to remove, which is another error than a file that is missing.
        with suppress(OSError):
            temporary.unlink()
