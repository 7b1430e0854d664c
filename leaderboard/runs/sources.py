"""Where the board comes from: run folders, or the same runs as MLflow has them."""

from dataclasses import replace
from pathlib import Path

from leaderboard.runs.collecting import Board, SetAside, collect


def board_from(out: Path, *, mlflow: bool = False) -> Board:
    """All runs of a folder, or of its MLflow store (`MLFLOW_TRACKING_URI` where the user has another server).

    Both give the same board, for what is mirrored is the run folder itself.

    Raises:
        UserError: MLflow cannot be reached.
    """
    if not mlflow:
        return collect(out)
    from harness.runs.tracking.restoring import local_copy

    copy, refused = local_copy(out)
    board = collect(copy)
    return replace(
        board, set_aside=(*board.set_aside, *(SetAside(Path(name), None, reason) for name, reason in refused))
    )
