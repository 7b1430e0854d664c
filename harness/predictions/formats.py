"""Which kind a predictions file is."""

from pathlib import Path
from typing import Literal, get_args

from harness.datasets.csv_file import read_rows
from harness.errors import UserError
from harness.predictions.ranked_list import is_ranked_list
from harness.predictions.score_matrix import is_score_matrix

Format = Literal["ranked-list", "score-matrix"]
FORMATS: tuple[Format, ...] = get_args(Format)


def detect(path: Path) -> Format:
    """Tell the format of a predictions file by its header.

    Raises:
        UserError: it cannot be read or has neither header.
    """
    line, header = next(read_rows(path), (1, []))
    if is_ranked_list(header):
        return "ranked-list"
    if is_score_matrix(header):
        return "score-matrix"
    raise UserError(
        f"{path}: line {line}: the header is {','.join(header)[:80]!r}; expected caption,file_name_1,...,file_name_10 "
        "(a ranked list, 2022 to 2024) or index,<clip>.wav,<clip>.wav,... (a score matrix, 2025)"
    )
