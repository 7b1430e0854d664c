"""Reading CSV files of what is known of clips beside their captions: keywords, FreeSound numbers."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from harness.datasets.csv_file import MOST_KEPT_BYTES
from harness.errors import UserError
from harness.machine import read_bounded


def read_metadata(path: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The cells of some columns, row by row; a cell that a row lacks is empty.

    Clotho's own files are Latin-1, copies of them UTF-8: what is not UTF-8 is read as Latin-1.

    Raises:
        UserError: the file cannot be read, or has no such column.
    """
    try:
        content = read_bounded(path, MOST_KEPT_BYTES)
        table = csv.DictReader(io.StringIO(_decoded(content), newline=""))
        header = tuple(table.fieldnames or ())
        if missing := sorted(set(columns) - set(header)):
            raise UserError(f"{path}: column {', '.join(missing)} is missing; the header is {','.join(header)}")
        return [tuple(row[column] or "" for column in columns) for row in table]
    except (OSError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def split_keywords(cell: str) -> tuple[str, ...]:
    """The keywords in a cell, as Clotho writes them.

    >>> split_keywords("rain;field-recording; roof;")
    ('rain', 'field-recording', 'roof')
    """
    return tuple(word.strip() for word in cell.split(";") if word.strip())


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
