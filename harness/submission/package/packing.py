"""A zip that is the same bytes whenever and wherever the same files are packed."""

import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UserError

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644
_UNIX = 3


def pack(target: Path, files: Mapping[str, Path]) -> None:
    """Write a zip.

    Members are in the order of their names; times, owners and permissions are left out of it.

    Args:
        target: replaced as a whole, or not at all.
        files: path within the zip to the file.

    Raises:
        UserError: a file cannot be read, or the zip cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(temporary, "w") as packed:
            for name in sorted(files):
                info = zipfile.ZipInfo(name, _EPOCH)
                info.create_system = _UNIX
                info.external_attr = _MODE << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                info.file_size = files[name].stat().st_size
                with files[name].open("rb") as source, packed.open(info, "w") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
