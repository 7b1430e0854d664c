"""Checks of a score matrix: its columns, every row by itself, and all rows together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.interface import Finding
from harness.submission.findings import Checks, complaint, counted, shown
from harness.submission.output.expected import ClipName, Expected
from harness.submission.output.file import NO_ROWS, MatrixEnd, MatrixRow

_FEW_DIGITS = 5
_MANY_TIED = 0.1
# Of a thousand float32 scores two agree by chance in about one row of a hundred.
_SOME_TIED = 0.05


@dataclass(frozen=True)
class MatrixColumns:
    """The clips a score matrix has columns for.

    Attributes:
        names: of the clips.
        expected: the queries and clips it should answer; `None` where these are not known.
    """

    names: tuple[str, ...]
    expected: Expected | None


COLUMNS_CHECKS = Checks[MatrixColumns]()
COLUMN_NAME_CHECKS = Checks[ClipName]()
ROW_CHECKS = Checks[MatrixRow]()
END_CHECKS = Checks[MatrixEnd]()


@COLUMNS_CHECKS("X001", "error", "Every clip has one column.")
def _each_clip_once(columns: MatrixColumns) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for number, name in enumerate(columns.names, 2):
        if first.setdefault(name, number) != number:
            found = f"{shown(name)}, which is column {first[name]} too"
            yield Finding(found, "one column per clip", "leave out one of the columns", column=f"column {number}")


@COLUMN_NAME_CHECKS("X002", "error", "Clips are called by their file names, without folders.")
def _names_are_names(name: ClipName) -> Iterator[Finding]:
    is_blank = not name.text.strip()
    if not name.is_known and (is_blank or name.is_path):
        mend = "name the clip" if is_blank else "leave the folders out"
        yield Finding(f"{shown(name.text)}, which is no file name", "the bare file name of a clip", mend)


@COLUMN_NAME_CHECKS("X003", "error", "No hidden file is ranked.")
def _no_hidden_files(name: ClipName) -> Iterator[Finding]:
    if name.text.startswith("."):
        mend = "leave the column out, and the file out of the folder of clips"
        yield Finding(f"{shown(name.text)}, a hidden file", "columns for clips only", mend)


@COLUMN_NAME_CHECKS("X004", "error", "Every column is a clip's.")
def _known_clip(name: ClipName) -> Iterator[Finding]:
    if not name.text.startswith("._"):
        yield from name.unknown()


@COLUMNS_CHECKS("X005", "error", "Every clip has a column.")
def _no_clip_missing(columns: MatrixColumns) -> Iterator[Finding]:
    if columns.expected is None:
        return
    there, clips = set(columns.names), columns.expected.clips
    respelt = {columns.expected.clip_spellings.same(name) for name in there - columns.expected.known_clips}
    expected = f"a column for each of the {len(clips):,} clips"
    for name in clips:
        if name not in there and name not in respelt:
            yield Finding(f"no column for {shown(name)}", expected, "score this clip too")


@ROW_CHECKS("X006", "error", "Every row is as long as the header.")
def _even_row(row: MatrixRow) -> Iterator[Finding]:
    if len(row.cells) != len(row.names):
        found, expected = counted(len(row.cells) + 1, "cell"), f"{len(row.names) + 1:,} as in the header"
        yield Finding(found, expected, "put double quotes around a caption that holds a comma, or complete the row")


@ROW_CHECKS("X007", "error", "Every score is a finite number.")
def _finite_numbers(row: MatrixRow) -> Iterator[Finding]:
    if len(row.cells) == len(row.names):
        for number in np.flatnonzero(~np.isfinite(row.scores)).tolist():
            cell, column = row.cells[number], row.names[number]
            mend = "write it with a decimal point" if "," in cell else "look at the system: this score says nothing"
            yield Finding(shown(cell), "a finite number, larger for a better match", mend, column=column)


@ROW_CHECKS("X008", "warning", "Scores depend on the clip.")
def _not_constant(row: MatrixRow) -> Iterator[Finding]:
    if len(row.names) > 1 and row.is_whole and bool((row.scores == row.scores[0]).all()):
        mend = "look at the system: nothing of this query reaches its scores"
        yield Finding(f"{row.cells[0]} for all {len(row.cells):,} clips", "scores that rank them", mend)


END_CHECKS("F006", "error", "The file can be read to its end.")(complaint)


@END_CHECKS("X010", "error", "The matrix has rows.")
def _has_rows(end: MatrixEnd) -> Iterator[Finding]:
    if not end.rows and not end.complaint:
        yield NO_ROWS


@END_CHECKS("X009", "warning", "Clips do not share scores.")
def _few_ties(end: MatrixEnd) -> Iterator[Finding]:
    if end.tied > _SOME_TIED * end.rows:
        found = f"in {counted(end.tied, 'row')} of {end.rows:,} clips share a score, here for the first time"
        mend = "write all digits (`%.9g` is enough for float32); there is no rule for how ties are broken"
        yield Finding(found, "a score of its own for each clip", mend, line=end.first_tie)


@END_CHECKS("X011", "error", "Scores are not rounded until they are equal.")
def _precise_enough(end: MatrixEnd) -> Iterator[Finding]:
    if end.rows and end.digits < _FEW_DIGITS and end.tied > _MANY_TIED * end.rows:
        digits, rows = counted(end.digits, "significant digit"), counted(end.tied, "row")
        found = f"scores of at most {digits}, so that in {rows} of {end.rows:,} clips share a score"
        mend = "write the scores unrounded; similarities may be small, and few decimals make them equal"
        yield Finding(found, "as many digits as the scores have, 9 for float32", mend)
