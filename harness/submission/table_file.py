"""CSV as the challenge writes it: comma, minimal double quoting (RFC 4180), UTF-8 without BOM, LF.

Cells are verbatim in both directions: outer blanks, `&#39;` and ` .wav` belong to the names and captions they are in.
"""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.errors import UserError

MOST_LISTED = 20
NO_ROW = "there is no row below the header"
_NEEDS_QUOTES = re.compile('[,"\r\n]')


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield every row with its number, the header being row 1. Blank lines are passed over; BOM and CRLF are accepted.

    Raises:
        UserError: the file is absent, not UTF-8, or not CSV.
    """
    row_number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for cells in csv.reader(file, strict=True):
                row_number += 1
                if cells:
                    yield row_number, cells
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 after row {row_number} (byte 0x{error.object[error.start]:02x}); save it as UTF-8"
        ) from None
    except csv.Error as error:
        raise UserError(f"{path}: row {row_number + 1} is not CSV ({error}); quote cells that hold commas") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


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


def refuse(path: Path, problems: Sequence[str], found: str) -> None:
    """Raise one error that lists the problems, a long list cut short; without problems do nothing.

    Args:
        path: the file that has them.
        problems: one line each.
        found: what several of them make of it, for the first line.

    Raises:
        UserError: there are problems.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise UserError(f"{path}: {problems[0]}")
    listed = list(problems[:MOST_LISTED])
    if len(problems) > MOST_LISTED:
        listed.append(f"and {len(problems) - MOST_LISTED} more")
    raise UserError(f"{path}: {found}: {len(problems)} problems", listed)


def _quoted(cell: str) -> str:
    # The csv module would leave a lone carriage return bare, and no reader gives that back.
    if _NEEDS_QUOTES.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell
