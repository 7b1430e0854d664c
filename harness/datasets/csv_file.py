"""CSV files: read as a stream; written as the challenge does, with minimal double quoting (RFC 4180), without BOM, LF.

Cells are verbatim in both directions: outer blanks, `&#39;` and ` .wav` belong to the names and captions they are in.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from harness.errors import UserError
from harness.machine import open_file

LONGEST_LINE = 1 << 24
"""Characters in a line; a file with a longer one is refused before it fills the memory."""
SEPARATORS = ",;\t"
"""What spreadsheets write between cells, depending on the country."""
MOST_KEPT_BYTES = 1 << 30
"""Bytes of a file whose rows are all kept in memory; the largest captions file known has a tenth of this."""
NO_ROW = "there is no row below the header"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NEEDS_QUOTES = re.compile('[,"\r\n]')


def read_rows(path: Path, *, separators: str = ",", most_bytes: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield every record, the header first, with the line of the file it begins on, counted from 1.

    Blank lines are passed over; a byte order mark and CRLF are accepted.

    Args:
        path: the file.
        separators: what may separate cells; it is the first of these characters that the first line has.
        most_bytes: a larger file is refused; `None` where rows are not kept, so that any size will do.

    Raises:
        UserError: the file cannot be read, is too large, is not UTF-8, or not well-formed CSV.
    """
    begins = 1
    try:
        # `newline=""` keeps a line end inside quotes as it is.
        with open_file(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            if most_bytes is not None and os.fstat(file.fileno()).st_size > most_bytes:
                raise UserError(f"{path}: more than {most_bytes:,} bytes; look whether it is the right file")
            lines = _lines(text)
            try:
                first = next(lines, "")
                separator = next((one for one in separators if one in first), separators[0])
                # `strict` refuses a quote that would swallow the rest of the file.
                reader = csv.reader(chain([first], lines), delimiter=separator, strict=True)
                for cells in reader:
                    if cells:
                        yield begins, cells
                    begins = reader.line_num + 1
            except UnicodeDecodeError:
                file.seek(0)
                raise UserError(f"{path}: {_not_utf8(file)}") from None
    except csv.Error as error:
        raise UserError(
            f"{path}: line {begins}: not well-formed CSV ({error}); look for a double quote that is never closed, or "
            "not doubled inside a quoted cell"
        ) from None
    except OSError as error:
        if path.is_dir():
            raise UserError(f"{path} is a folder; expected a CSV file") from error
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _lines(file: io.TextIOBase) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            raise csv.Error(f"a line of more than {LONGEST_LINE:,} characters")
        yield line


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of cells, the header first, under a temporary name that becomes `path` when all is written.

    Raises:
        UserError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.writelines(",".join(map(_quoted, row)) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def refuse(path: Path, problems: Sequence[str], found: str = "not a valid file") -> None:
    """Raise everything that is wrong with a file at once; without problems do nothing.

    Args:
        path: the file that has them.
        problems: one line each. A single one goes into the message itself; several are listed.
        found: what the file is because of several of them, for the message.

    Raises:
        UserError: there are problems.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise UserError(f"{path}: {problems[0]}")
    raise UserError(f"{path}: {found}: {len(problems)} problems", problems)


def _not_utf8(file: Iterable[bytes]) -> str:
    """Say where a file is not UTF-8, by reading it again: the decoder's error only has the place within its buffer."""
    start = 0
    for line, content in enumerate(file, 1):
        try:
            content.decode()
        except UnicodeDecodeError as error:
            return (
                f"byte {start + error.start} (line {line}) is 0x{content[error.start]:02x}, which is not UTF-8; "
                f"{'it is UTF-16; ' if content[:2] in _UTF16_MARKS else ''}save the file as UTF-8 "
                "(spreadsheets call it 'CSV UTF-8')"
            )
        start += len(content)
    return "it changed while it was read; read it again"


def _quoted(cell: str) -> str:
    # The csv module would leave a lone carriage return bare, and no reader gives that back.
    if _NEEDS_QUOTES.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell
