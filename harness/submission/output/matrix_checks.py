"""Checks of a score matrix: its columns, every row by itself, and all rows together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.predictions import hint
from harness.submission.findings import Check, Problem, counted, shown
from harness.submission.output.expected import Expected
from harness.submission.output.file import MatrixEnd, MatrixRow

_FEW_DIGITS = 5
_MANY_TIED = 0.1
# Of a thousand float32 scores two agree by chance in about one row of a hundred.
_SOME_TIED = 0.05


@dataclass(frozen=True)
class MatrixColumns:
    """The clips a score matrix has columns for.

    Attributes:
        line: of the header.
        names: of the clips.
        expected: what is asked; `None` where that is not known.
    """

    line: int
    names: tuple[str, ...]
    expected: Expected | None


def _each_clip_once(columns: MatrixColumns) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for number, name in enumerate(columns.names, 2):
        if first.setdefault(name, number) != number:
            yield Problem(
                f"{shown(name)}, which is column {first[name]} too",
                "one column per clip",
                "leave out one of the columns",
                line=columns.line,
                column=f"column {number}",
            )


def _names_are_names(columns: MatrixColumns) -> Iterator[Problem]:
    known = columns.expected.known_clips if columns.expected else frozenset()
    for number, name in enumerate(columns.names, 2):
        if name in known:
            continue
        if not name.strip() or "/" in name or "\\" in name:
            yield Problem(
                f"{shown(name)}, which is no file name",
                "the bare file name of a clip",
                "leave the folders out" if name.strip() else "name the clip",
                line=columns.line,
                column=f"column {number}",
            )


def _no_hidden_files(columns: MatrixColumns) -> Iterator[Problem]:
    for number, name in enumerate(columns.names, 2):
        if name.startswith("."):
            yield Problem(
                f"{shown(name)}, a hidden file",
                "columns for clips only",
                "leave the column out, and the file out of the folder of clips",
                line=columns.line,
                column=f"column {number}",
            )


def _known_clips(columns: MatrixColumns) -> Iterator[Problem]:
    if columns.expected is None or not columns.expected.clips:
        return
    known, spellings = columns.expected.known_clips, columns.expected.clip_spellings
    for number, name in enumerate(columns.names, 2):
        if name.strip() and not name.startswith("._") and name not in known:
            yield Problem(
                f"{shown(name)}, which no clip is called{hint(spellings.meant(name))}",
                f"one of the {len(columns.expected.clips):,} names, to the letter",
                "write it as the file is called; `lbar validate --fix` writes a copy that has it right"
                if spellings.same(name) is not None
                else "look whether the clip belongs to this set, and write it as its file is called",
                line=columns.line,
                column=f"column {number}",
            )


def _no_clip_missing(columns: MatrixColumns) -> Iterator[Problem]:
    if columns.expected is None:
        return
    there = set(columns.names)
    respelt = {columns.expected.clip_spellings.same(name) for name in there - columns.expected.known_clips}
    for name in columns.expected.clips:
        if name not in there and name not in respelt:
            yield Problem(
                f"no column for {shown(name)}",
                f"a column for each of the {len(columns.expected.clips):,} clips",
                "score this clip too",
                line=columns.line,
            )


COLUMN_CHECKS: tuple[Check[MatrixColumns], ...] = (
    Check("X001", "error", "Every clip has one column.", _each_clip_once),
    Check("X002", "error", "Clips are called by their file names, without folders.", _names_are_names),
    Check("X003", "error", "No hidden file is ranked.", _no_hidden_files),
    Check("X004", "error", "Every column is a clip's.", _known_clips),
    Check("X005", "error", "Every clip has a column.", _no_clip_missing),
)


def _even_row(row: MatrixRow) -> Iterator[Problem]:
    if len(row.cells) != len(row.names):
        yield Problem(
            counted(len(row.cells) + 1, "cell"),
            f"{len(row.names) + 1:,} as in the header",
            "put double quotes around a caption that holds a comma, or complete the row",
            line=row.line,
        )


def _finite_numbers(row: MatrixRow) -> Iterator[Problem]:
    if len(row.cells) == len(row.names):
        for column in np.flatnonzero(~np.isfinite(row.scores)).tolist():
            yield Problem(
                f"{shown(row.cells[column])}",
                "a finite number, larger for a better match",
                "look at the system: this score says nothing",
                line=row.line,
                column=row.names[column],
            )


def _not_constant(row: MatrixRow) -> Iterator[Problem]:
    if len(row.names) > 1 and row.is_whole and bool((row.scores == row.scores[0]).all()):
        yield Problem(
            f"{row.cells[0]} for all {len(row.cells):,} clips",
            "scores that rank them",
            "look at the system: nothing of this query reaches its scores",
            line=row.line,
        )


ROW_CHECKS: tuple[Check[MatrixRow], ...] = (
    Check("X006", "error", "Every row is as long as the header.", _even_row),
    Check("X007", "error", "Every score is a finite number.", _finite_numbers),
    Check("X008", "warning", "Scores depend on the clip.", _not_constant),
)


def _readable_to_its_end(end: MatrixEnd) -> Iterator[Problem]:
    if end.complaint:
        yield end.complaint


def _has_rows(end: MatrixEnd) -> Iterator[Problem]:
    if not end.rows and not end.complaint:
        yield Problem("a header and nothing below", "a row per query", "write the output again")


def _few_ties(end: MatrixEnd) -> Iterator[Problem]:
    if end.tied > _SOME_TIED * end.rows:
        yield Problem(
            f"in {counted(end.tied, 'row')} of {end.rows:,} clips share a score, here for the first time",
            "a score of its own for each clip",
            "write all digits (`%.9g` is enough for float32); there is no rule for how ties are broken",
            line=end.first_tie,
        )


def _precise_enough(end: MatrixEnd) -> Iterator[Problem]:
    if end.rows and end.digits < _FEW_DIGITS and end.tied > _MANY_TIED * end.rows:
        yield Problem(
            f"scores of at most {counted(end.digits, 'significant digit')}, so that in {counted(end.tied, 'row')} of "
            f"{end.rows:,} clips share a score",
            "as many digits as the scores have, 9 for float32",
            "write the scores unrounded; similarities may be small, and few decimals make them equal",
        )


END_CHECKS: tuple[Check[MatrixEnd], ...] = (
    Check("F006", "error", "The file can be read to its end.", _readable_to_its_end),
    Check("X010", "error", "The matrix has rows.", _has_rows),
    Check("X009", "warning", "Clips do not share scores.", _few_ties),
    Check("X011", "error", "Scores are not rounded until they are equal.", _precise_enough),
)
