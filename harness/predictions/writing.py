"""The predictions file that a challenge asks for, written from an evaluation's scores."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.datasets import read_rows
from harness.errors import UserError
from harness.machine import require_undamaged
from harness.predictions.ranked_list import DEPTH, IN_USE, Columns, columns_of, write_ranked_list
from harness.predictions.score_matrix import is_score_matrix, write_score_matrix
from harness.predictions.separators import separated
from harness.protocols import RetrievalTask

Format = Literal["ranked-list", "score-matrix"]

FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIX = ".output.csv"
Tiles = Iterable[tuple[slice, Array]]


def write_predictions(
    folder: Path,
    name: str,
    task: RetrievalTask,
    best: NDArray[np.int64],
    tiles: Tiles,
    format: Format | None = None,  # noqa: A002
) -> Path | None:
    """Write `<name>.output.csv`.

    Args:
        folder: to write into.
        name: of the system.
        task: its queries and items.
        best: indices of the best items, best first, shape `(queries, k)`; a ranked list is made of them.
        tiles: all scores, queries in order; read only for a score matrix, which has one row for captions that are
            equal: that of the first.
        format: of the file; `None` stands for the format of the task's protocol.

    Returns:
        The file, or `None` where the protocol asks for none.

    Raises:
        UserError: the file cannot be written.
    """
    path = folder / f"{re.sub(r'[^A-Za-z0-9._+-]+', '_', name)}{SUFFIX}"
    wanted_format = format or task.protocol.submission
    if wanted_format == "ranked-list":
        names = [[task.items[item] for item in row] for row in best[:, :DEPTH].tolist()]
        write_ranked_list(path, task.queries, names)
    elif wanted_format == "score-matrix":
        rows = {text: index for index, text in reversed(list(enumerate(task.queries)))}
        wanted = sorted(rows.values())
        write_score_matrix(path, [task.queries[row] for row in wanted], task.items, _rows(tiles, set(wanted)))
    else:
        return None
    return path


def predictions_in(folder: Path) -> Path | None:
    """The predictions file of a run folder; `None` where it has none.

    Raises:
        UserError: it was damaged or changed since it was written.
    """
    path = next(iter(sorted(folder.glob(f"*{SUFFIX}"))), None)
    if path is not None:
        require_undamaged(path, "evaluate the system again")
    return path


def has_predictions(folder: Path, format: Format) -> bool:  # noqa: A002
    """Whether a run folder has its predictions in this format."""
    path = predictions_in(folder)
    return path is not None and detect(path) == format


def _rows(tiles: Tiles, wanted: set[int]) -> Iterator[Array]:
    for tile, scores in tiles:
        for row in range(tile.start, tile.stop):
            if row in wanted:
                yield scores[row - tile.start]


def detect(path: Path, known: Sequence[Columns] = IN_USE) -> Format:
    """Tell the format of a predictions file by its header; `known` are the columns that a ranked list may have.

    Raises:
        UserError: it cannot be read or has neither header.
    """
    line, header = next(read_rows(path), (1, []))
    if columns_of(header, known):
        return "ranked-list"
    if is_score_matrix(header):
        return "score-matrix"
    if said := separated(path, known):
        raise UserError(f"{path}: line {line}: {said}")
    raise UserError(
        f"{path}: line {line}: the header is {','.join(header)[:80]!r}; expected caption,file_name_1,...,file_name_10 "
        "(a ranked list, 2022 to 2024) or index,<clip>.wav,<clip>.wav,... (a score matrix, 2025)"
    )
