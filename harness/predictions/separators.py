"""Whether the cells of a predictions file are separated by something else than commas."""

import csv
from collections.abc import Sequence
from pathlib import Path

from harness.datasets import write_rows
from harness.errors import UserError
from harness.predictions.ranked_list import IN_USE, Columns, columns_of
from harness.predictions.score_matrix import CORNER

SEPARATORS = {";": "semicolons", "\t": "tabs"}
_LONGEST_HEADER = 1 << 24
_MEND = "expected commas: `lbar validate --fix` writes a copy that has them"


def separated_header(path: Path, known: Sequence[Columns] = IN_USE) -> tuple[str, tuple[str, ...]]:
    """The separator other than a comma with which a file has the header of an output, and that; empty where none is.

    Args:
        path: the file; where it cannot be read, that is for its reader to say.
        known: the columns that a ranked list may have, in capital letters or not.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(_LONGEST_HEADER)
        headers = [(separator, tuple(next(csv.reader([line], delimiter=separator), ()))) for separator in SEPARATORS]
    except (OSError, UnicodeDecodeError, csv.Error):
        return "", ()
    return next(((separator, header) for separator, header in headers if is_header(header, known)), ("", ()))


def is_header(header: Sequence[str], known: Sequence[Columns] = IN_USE) -> bool:
    """Whether this is the header of an output, capital letters and outer blanks set aside.

    >>> is_header([" Caption", "File_Name_1"]), is_header(["Index", "rain.wav"]), is_header(["a", "b"])
    (True, True, False)
    """
    cells = [cell.strip().casefold() for cell in header]
    alike = [tuple(column.casefold() for column in columns) for columns in known]
    return columns_of(cells, alike) is not None or (len(cells) > 1 and cells[0] == CORNER)


def with_commas(source: Path, target: Path, separator: str) -> None:
    """Write a copy of a file with commas between its cells.

    Raises:
        UserError: the file cannot be read to its end, or the copy cannot be written.
    """
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            write_rows(target, (cells for cells in csv.reader(file, delimiter=separator, strict=True) if cells))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{source}: not well-formed with {SEPARATORS[separator]} between its cells: {error}") from None


def separated(path: Path, known: Sequence[Columns] = IN_USE) -> str:
    """What is wrong with a file whose cells are separated otherwise, and how to mend it; empty where they are not."""
    separator, _ = separated_header(path, known)
    return separator and f"has {SEPARATORS[separator]} between its cells; {_MEND}"
