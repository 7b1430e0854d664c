"""An output file, read as far as it can be read, so that all that is wrong with it can be listed at once."""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.datasets import read_rows
from harness.errors import UserError
from harness.interface import Finding
from harness.predictions import columns_of, is_score_matrix, separated_header
from harness.submission.editions.profiles import Kind, Profile
from harness.submission.output.expected import Expected
from harness.submission.output.respelling import mended_captions, mended_header

MOST_ROWS = 1_000_000
MOST_COLUMNS = 100_000
"""An output of more rows or columns is taken for another kind of file, so that it does not fill the memory."""
NO_ROWS = Finding("a header and nothing below", "a row per query", "write the output again")

_LOOKED_AT = 1 << 20
_LINE = re.compile(r"line (\d+)")
_DIGITS_LOOKED_AT = 16


@dataclass(frozen=True)
class OutputStart:
    """The beginning of an output file.

    Attributes:
        profile: the edition it is for.
        path: of the file.
        line: of the header.
        header: its cells.
        kind: what it is by its header; `None` where the header is none of an output.
        has_bom: whether a byte order mark comes first.
        has_carriage_returns: whether lines end in CR LF.
        complaint: why it cannot be read.
        separator: what stands between its cells where that is no comma; empty where it is one.
    """

    profile: Profile
    path: Path
    line: int
    header: tuple[str, ...]
    kind: Kind | None
    has_bom: bool
    has_carriage_returns: bool
    complaint: Finding | None
    separator: str = ""

    @property
    def can_be_mended(self) -> bool:
        """Whether `--fix` makes of its header one that this edition asks for."""
        header = mended_header(self.header, self.profile, None)
        return self.complaint is None and self.kind is None and _kind(header, self.profile) == self.profile.kind


@dataclass(frozen=True)
class Captions:
    """The captions of an output, row by row, beside the queries.

    Attributes:
        column: name of their column.
        profile: the edition.
        expected: the queries and clips the file should answer; `None` where these are not known.
        rows: line in the file and caption of each row.
        complete: whether the file was read to its end, so that a query that is not there is missing.
    """

    column: str
    profile: Profile
    expected: Expected | None
    rows: Sequence[tuple[int, str]]
    complete: bool

    @cached_property
    def texts(self) -> list[str]:
        """The captions."""
        return [text for _, text in self.rows]

    @cached_property
    def unknown(self) -> dict[str, int]:
        """Captions that are no queries, each with its line."""
        if self.expected is None or not self.expected.queries:
            return {}
        asked = self.expected.times_asked
        return {text: line for line, text in self.rows if text and text not in asked}

    @property
    def is_of_another_set(self) -> bool:
        """Whether there are captions, and none of them is a query in any spelling."""
        asked = self.expected.times_asked if self.expected else {}
        return bool(asked and self.rows) and self.answered.isdisjoint(asked) and not self.mended

    @property
    def can_be_sorted(self) -> bool:
        """Whether `--fix` brings the rows into the order of the queries: of a ranked list with one row for each."""
        asked = self.expected.times_asked if self.expected else {}
        return self.profile.kind == "ranked-list" and len(self.rows) == len(asked)

    @cached_property
    def mended(self) -> dict[str, str]:
        """Captions that `--fix` replaces, each with the query it means."""
        return mended_captions(self.texts, self.expected)

    @cached_property
    def answered(self) -> frozenset[str]:
        """The captions that are there."""
        return frozenset(self.texts)


class RankedRow(NamedTuple):
    """One row of a ranked list, as long as the header.

    Attributes:
        line: of the file.
        query: its caption.
        names: of the clips, best first.
        columns: of these names.
    """

    line: int
    query: str
    names: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def cells(self) -> Iterator[tuple[str, str]]:
        """Column and name of each clip."""
        return zip(self.columns, self.names, strict=True)


@dataclass(frozen=True)
class RankedRows:
    """The rows of a ranked list.

    Attributes:
        start: of the file.
        expected: the queries and clips the file should answer; `None` where these are not known.
        rows: those as long as the header.
        uneven: line and number of cells of the other rows.
        complaint: why the file could not be read to its end.
    """

    start: OutputStart
    expected: Expected | None
    rows: tuple[RankedRow, ...]
    uneven: tuple[tuple[int, int], ...]
    complaint: Finding | None

    def captions(self) -> Captions:
        """The captions of all rows as long as the header."""
        complete = self.complaint is None and not self.uneven
        rows = [(row.line, row.query) for row in self.rows]
        return Captions(self.start.header[0], self.start.profile, self.expected, rows, complete)


@dataclass(frozen=True, eq=False, slots=True)
class MatrixRow:
    """One row of a score matrix.

    Attributes:
        line: of the file.
        query: its caption.
        cells: the scores as written.
        scores: the same as numbers, shape `(cells,)`; NaN for what is no number.
        names: of the clips, one a column.
    """

    line: int
    query: str
    cells: Sequence[str]
    scores: NDArray[np.float64]
    names: Sequence[str]

    @property
    def is_whole(self) -> bool:
        """Whether it has a finite score for each clip."""
        return len(self.cells) == len(self.names) and bool(np.isfinite(self.scores).all())


@dataclass
class MatrixEnd:
    """All rows of a score matrix together.

    Attributes:
        rows: how many there are.
        tied: in how many of them some, not all, clips share a score.
        first_tie: line of the first of these.
        digits: the most significant digits of a score, of those that were looked at.
        complaint: why the file could not be read to its end.
    """

    rows: int = 0
    tied: int = 0
    first_tie: int | None = None
    digits: int = 0
    complaint: Finding | None = None

    def count(self, row: MatrixRow) -> None:
        """Take a row into account."""
        self.rows += 1
        if row.is_whole:
            if 1 < len(np.unique(row.scores)) < len(row.scores):
                self.tied += 1
                self.first_tie = self.first_tie or row.line
            self.digits = max(self.digits, *map(_significant, row.cells[:_DIGITS_LOOKED_AT]))


def read_start(path: Path, profile: Profile) -> OutputStart:
    """Read the first bytes and the header."""
    first, line = b"", 1
    header: list[str] = []
    complaint: Finding | None = None
    try:
        with path.open("rb") as file:
            first = file.read(_LOOKED_AT)
        line, header = next(read_rows(path), (1, []))
        if not header:
            complaint = Finding("an empty file", "a header and a row per query", "write the output again")
        elif len(header) > MOST_COLUMNS:
            found = f"{len(header):,} columns"
            complaint = Finding(found, f"at most {MOST_COLUMNS:,}", "look whether it is the right file")
    except OSError as error:
        complaint = Finding(error.strerror or str(error), "a file that can be read", "mend that")
    except UserError as error:
        complaint = complaint_of(path, error)
    has_bom, has_returns = first.startswith(codecs.BOM_UTF8), b"\r\n" in first
    kind, separator = _kind(header, profile), ""
    if kind is None:
        separator, separated = separated_header(path, profile.known_columns)
        header, complaint = (list(separated), None) if separator else (header, complaint)
    return OutputStart(profile, path, line, tuple(header), kind, has_bom, has_returns, complaint, separator)


def _kind(header: Sequence[str], profile: Profile) -> Kind | None:
    if columns_of(header, profile.known_columns):
        return "ranked-list"
    return "score-matrix" if is_score_matrix(header) else None


def read_ranked_rows(start: OutputStart, expected: Expected | None) -> RankedRows:
    """Read a ranked list to its end, or as far as it can be read."""
    rows: list[RankedRow] = []
    columns = start.header[1:]
    uneven: list[tuple[int, int]] = []
    complaint = None
    try:
        records = read_rows(start.path)
        next(records, None)
        for line, cells in records:
            if len(rows) + len(uneven) == MOST_ROWS:
                complaint = _too_many_rows(line)
                break
            if len(cells) == len(start.header):
                rows.append(RankedRow(line, cells[0], tuple(cells[1:]), columns))
            else:
                uneven.append((line, len(cells)))
    except UserError as error:
        complaint = complaint_of(start.path, error)
    return RankedRows(start, expected, tuple(rows), tuple(uneven), complaint)


def matrix_rows(start: OutputStart, end: MatrixEnd) -> Iterator[MatrixRow]:
    """Yield the rows of a score matrix, and count them in `end`."""
    names = start.header[1:]
    try:
        records = read_rows(start.path)
        next(records, None)
        for line, (query, *cells) in records:
            if end.rows == MOST_ROWS:
                end.complaint = _too_many_rows(line)
                return
            row = MatrixRow(line, query, cells, numbers(cells), names)
            end.count(row)
            yield row
    except UserError as error:
        end.complaint = complaint_of(start.path, error)


def _too_many_rows(line: int) -> Finding:
    return Finding(f"more than {MOST_ROWS:,} rows", "one per query", "look whether it is the right file", line=line)


def numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """Cells as numbers; NaN for those that are none.

    >>> numbers(["0.5", "x", "1_0"]).tolist()
    [0.5, nan, nan]
    """
    try:
        if not any("_" in cell for cell in cells):
            return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        pass
    return np.fromiter(map(_number, cells), np.float64, len(cells))


def complaint_of(path: Path, error: UserError) -> Finding:
    """Why a file could not be read, with the line where the error names one."""
    found, _, mend = str(error).removeprefix(f"{path}: ").partition("; ")
    expected = (
        "comma-separated cells in UTF-8, with double quotes around those that hold a comma, a quote or a line end"
    )
    line = _LINE.search(found)
    return Finding(found, expected, mend or "write the file with a CSV writer", line=int(line[1]) if line else None)


def _number(cell: str) -> float:
    # Python takes 1_0 for ten, other readers do not.
    try:
        return float("nan") if "_" in cell else float(cell)
    except ValueError:
        return float("nan")


def _significant(cell: str) -> int:
    """How many significant digits a number is written with."""
    mantissa = re.split("[eE]", cell)[0]
    return len("".join(letter for letter in mantissa if letter.isdigit()).lstrip("0"))
