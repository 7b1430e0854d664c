"""Runs as a table for scripts and notebooks."""

from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.board.entries import Entry, Standing, standings
from leaderboard.runs import Row, SetAside, board_from, stage_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.runs import EvaluationRecord


def load(
    out: str | Path = "runs", *, protocol: str | None = None, mlflow: bool = False, groups: bool = True
) -> "pd.DataFrame":
    """Every comparable run, one per row, and below them the runs that are not comparable.

    Args:
        out: the folder of run folders.
        protocol: only this one.
        mlflow: read from MLflow instead: `MLFLOW_TRACKING_URI`, or the store in `out`.
        groups: test which systems differ significantly, from their answers to each query.

    Returns:
        Columns `protocol`, `place`, `group`, `system`, `label`, `stage`, then each measure with `.low` and `.high`,
        `tied_fraction`, `parameters`, `trained_on`, `precision`, `clips_per_second`, `query_p95_seconds`, `hardware`,
        `created`, `digest`, `protocol_digest`, `dataset_digest`, `run` (the folder), `comparable` and `reason`. A run
        that is not comparable has no `place`, and `reason` says why.

    Raises:
        UserError: MLflow cannot be reached.
    """
    import pandas as pd

    board = board_from(Path(out), mlflow=mlflow).only([protocol] if protocol else [])
    rows = [
        _row(standing, entry, entry.run)
        for standing in standings(board, groups=groups)
        for entry in standing.entries
        if entry.run
    ]
    rows += [_apart(run, run.record) for run in board.set_aside if run.record]
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    last = ["tied_fraction", *(name for name in _LAST if name in frame)]
    first = [name for name in _FIRST if name in frame]
    return frame[[*first, *(name for name in frame if name not in (*first, *last)), *last]].astype({"place": "Int64"})


_FIRST = ("protocol", "place", "group", "system", "label", "stage")
_LAST = (
    "parameters",
    "trained_on",
    "precision",
    "clips_per_second",
    "query_p95_seconds",
    "hardware",
    "created",
    "digest",
    "protocol_digest",
    "dataset_digest",
    "run",
    "comparable",
    "reason",
)


def _row(standing: Standing, entry: Entry, run: Row) -> dict[str, object]:
    return _of_record(run.record) | {
        "place": entry.place,
        "group": entry.group,
        "label": entry.label,
        "clips_per_second": entry.clips_per_second,
        "query_p95_seconds": entry.query_p95_seconds,
        "hardware": standing.hardware if entry.speed else None,
        "run": str(run.folder),
        "comparable": True,
        "reason": "",
    }


def _apart(run: SetAside, record: "EvaluationRecord") -> dict[str, object]:
    return _of_record(record) | {
        "place": None,
        "group": "",
        "label": record.system.name,
        "run": str(run.folder),
        "comparable": False,
        "reason": run.reason,
    }


def _of_record(record: "EvaluationRecord") -> dict[str, object]:
    measures: dict[str, object] = {}
    for measure in record.measures:
        measures |= {
            measure.name: measure.value,
            f"{measure.name}.low": measure.low,
            f"{measure.name}.high": measure.high,
        }
    return {
        "protocol": record.protocol.name,
        "system": record.system.name,
        "stage": stage_of(record),
        **measures,
        "tied_fraction": record.tied_fraction,
        "parameters": record.system.parameters,
        "trained_on": ", ".join(record.system.trained_on),
        "precision": record.settings.precision,
        "created": record.created,
        "digest": record.system.digest,
        "protocol_digest": record.protocol.digest,
        "dataset_digest": record.dataset.digest,
    }
