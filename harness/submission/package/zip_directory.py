"""The size of a zip's directory, found before the directory is read into memory."""

import struct
from pathlib import Path
from typing import NamedTuple

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LONGEST_COMMENT = 1 << 16


class DamagedError(Exception):
    """It is no zip, or one that cannot be read; the message says why."""


class Directory(NamedTuple):
    """The size of a zip's directory as the end of the zip states it: the number of members listed, and bytes."""

    members: int
    size: int


def announced(path: Path) -> Directory:
    """Read the end of a zip (APPNOTE 4.3.14 to 4.3.16).

    Raises:
        DamagedError: there is no such end.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR.size)
        file.seek(start)
        tail = file.read(size - start)
        place = tail.rfind(b"PK\5\6")
        if place < 0 or len(tail) - place < _END.size:
            raise DamagedError("it has no zip directory at its end: it is no zip, or was cut short")
        end = _END.unpack_from(tail, place)
        members, bytes_ = end[4], end[5]
        locator = tail[max(0, place - _LOCATOR.size) : place]
        if len(locator) == _LOCATOR.size and locator.startswith(b"PK\6\7"):
            file.seek(min(_LOCATOR.unpack(locator)[2], size))
            record = file.read(_END_64.size)
            if len(record) == _END_64.size and record.startswith(b"PK\6\6"):
                end_64 = _END_64.unpack(record)
                members, bytes_ = max(members, end_64[7]) if members != 0xFFFF else end_64[7], end_64[8]
    return Directory(members, min(bytes_, size))
