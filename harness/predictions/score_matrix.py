"""The predictions file of DCASE 2025: one row of scores per distinct caption, one column per clip."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.datasets import NO_ROW, read_rows, refuse, write_rows

CORNER = "index"
"""First cell of the header."""


@dataclass(frozen=True, slots=True)
class ScoreMatrix:
    """A score-matrix file, of which only the header is in memory.

    Attributes:
        path: the file.
        names: clip names, column by column.
    """

    path: Path
    names: tuple[str, ...]

    def rows(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Pass over the file and yield each caption with its scores, shape `(names,)`, higher meaning a better match.

        A wrong row is left out; when the end is reached all of them are raised together.

        Raises:
            UserError: rows of another length, cells that are no finite numbers, or no row at all.
        """
        rows = read_rows(self.path)
        next(rows)
        problems: list[str] = []
        empty = True
        for line, (query, *cells) in rows:
            empty = False
            found = [f"line {line}, column {CORNER}: empty; expected a caption"] if not query else []
            scores, wrong_cells = self._parse(line, cells)
            found += wrong_cells
            if found:
                problems += found
            else:
                yield query, scores
        if empty:
            problems.append(NO_ROW)
        refuse(self.path, problems, "not a valid score matrix")

    def _parse(self, line: int, cells: list[str]) -> tuple[NDArray[np.float64], list[str]]:
        if len(cells) != len(self.names):
            return np.empty(0), [
                f"line {line}: {len(cells) + 1} columns, expected {len(self.names) + 1} as in the header "
                "(a caption that holds a comma must be quoted)"
            ]
        # Double precision keeps the order and the ties of whatever digits the file has.
        scores = np.fromiter(map(_number, cells), np.float64, len(cells))
        return scores, [
            f"line {line}, column {self.names[column]!r}: {cells[column]!r}; expected a finite number"
            + (", with a decimal point" if "," in cells[column] else "")
            for column in np.flatnonzero(~np.isfinite(scores)).tolist()
        ]


def is_score_matrix(header: Sequence[str]) -> bool:
    """Whether a header begins a score matrix: `index`, then clip names.

    >>> is_score_matrix(["index", "rain.wav"]), is_score_matrix(["caption", "file_name_1"])
    (True, False)
    """
    return len(header) > 1 and header[0] == CORNER


def read_score_matrix(path: Path) -> ScoreMatrix:
    """Open a score-matrix file; its rows are read when they are asked for.

    Raises:
        UserError: it cannot be read, or its header is wrong.
    """
    line, header = next(read_rows(path), (1, []))
    if not is_score_matrix(header):
        refuse(
            path,
            [f"line {line}: the header is {','.join(header)[:80]!r}; expected {CORNER},<clip>.wav,<clip>.wav,..."],
            "not a score matrix",
        )
    names = tuple(header[1:])
    refuse(path, _header_problems(names, line), "not a valid score matrix")
    return ScoreMatrix(path, names)


def write_score_matrix(path: Path, queries: Sequence[str], names: Sequence[str], rows: Iterable[Array]) -> None:
    """Write a score matrix with as many digits as float32 needs to be read back equal.

    Args:
        path: replaced as a whole, or not at all.
        queries: captions, verbatim, each once.
        names: clip names, each once.
        rows: per caption, float32 scores of shape `(names,)`; an iterator is read row by row.

    Raises:
        UserError: the file cannot be written, or would not be valid.
        ValueError: not one row per query, or not one score per name.
    """
    first_line: dict[str, int] = {}
    problems = _header_problems(names)
    if not queries:
        problems.append(NO_ROW)
    for line, query in enumerate(queries, 2):
        if not query:
            problems.append(f"line {line}, column {CORNER}: empty; expected a caption")
        elif first_line.setdefault(query, line) != line:
            problems.append(f"line {line}: {query!r} is already on line {first_line[query]}; each caption has one row")
    refuse(path, problems, "what would be written is not a valid score matrix")
    write_rows(path, chain([[CORNER, *names]], _formatted(path, queries, names, rows)))


def _formatted(
    path: Path, queries: Sequence[str], names: Sequence[str], rows: Iterable[Array]
) -> Iterator[Sequence[str]]:
    for line, (query, scores) in enumerate(zip(queries, rows, strict=True), 2):
        if scores.shape != (len(names),):
            raise ValueError(f"line {line} has scores of shape {scores.shape}, expected ({len(names)},)")
        wrong = np.flatnonzero(~np.isfinite(scores)).tolist()
        refuse(
            path,
            [f"line {line}, column {names[column]!r}: {scores[column]} is not a finite score" for column in wrong],
            "what would be written is not a valid score matrix",
        )
        yield [query, *map("%.9g".__mod__, scores.astype(np.float32).tolist())]


def _header_problems(names: Sequence[str], line: int = 1) -> list[str]:
    problems: list[str] = []
    first_column: dict[str, int] = {}
    for column, name in enumerate(names, 2):
        if not name:
            problems.append(f"line {line}, column {column}: empty; expected a clip's file name")
        elif "/" in name or "\\" in name:
            problems.append(f"line {line}, column {column}: {name!r} is a path; expected bare file names")
        elif name.startswith("._"):
            problems.append(
                f"line {line}, column {column}: {name!r} is a hidden file of macOS, not a clip; leave it out"
            )
        elif first_column.setdefault(name, column) != column:
            problems.append(f"line {line}, column {column}: {name!r} is already column {first_column[name]}")
    return problems


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
