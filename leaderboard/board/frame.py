"""Runs as a table for scripts and notebooks."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.board.entries import Entry, Standing, standings
from leaderboard.results import RESULTS
from leaderboard.runs import Row, SetAside, board_from, stage_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.runs import EvaluationRecord


def board(
    out: str | Path = "runs",
    *,
    protocol: str | None = None,
    mlflow: bool = False,
    groups: bool = True,
    results: bool = False,
) -> "pd.DataFrame":
    """The board as a pandas frame: every comparable run, one per row, and below them those that are not comparable.

    Args:
        out: the folder of run folders.
        protocol: only this one.
        mlflow: read from MLflow instead: `MLFLOW_TRACKING_URI`, or the store in `out`.
        groups: test which systems differ significantly, from their answers to each query.
        results: add the results that groups have handed in, which come with lbar.

    Returns:
        Columns `protocol`, `place`, `group`, `system`, `label`, `stage`, then each measure with `.low` and `.high`,
        `tied_fraction`, `parameters`, `trained_on`, `precision`, `clips_per_second`, `query_p95_seconds`, `hardware`,
        `created`, `digest`, `protocol_digest`, `dataset_digest`, `run` (the folder), `comparable` and `reason`. A run
        that is not comparable has no `place`, and `reason` says why.

    Raises:
        UserError: MLflow cannot be reached.
    """
    import pandas as pd

    more = [RESULTS] if results else []
    runs = board_from(Path(out), *more, mlflow=mlflow).only([protocol] if protocol else [])
    found = [
        (entry.run, entry.run.record, standing, entry)
        for standing in standings(runs, groups=groups)
        for entry in standing.entries
        if entry.run
    ]
    rows = [_row(*one) for one in found] + [_row(run, run.record) for run in runs.set_aside if run.record]
    measures = dict.fromkeys(name for _, values, _ in rows for name in values)
    frame = pd.DataFrame([first | {name: values.get(name) for name in measures} | last for first, values, last in rows])
    return frame if frame.empty else frame.astype({"place": "Int64"})


def load(
    out: str | Path = "runs", *, protocol: str | None = None, mlflow: bool = False, groups: bool = True
) -> "pd.DataFrame":
    """The former name of `board`, which warns."""
    warnings.warn("leaderboard.load is now called leaderboard.board", DeprecationWarning, stacklevel=2)
    return board(out, protocol=protocol, mlflow=mlflow, groups=groups)


Values = dict[str, object]


def _row(
    run: Row | SetAside, record: "EvaluationRecord", standing: Standing | None = None, entry: Entry | None = None
) -> tuple[Values, Values, Values]:
    """The columns before the measures, the measures, and the columns after them; without a standing for a run apart."""
    first: Values = {
        "protocol": record.protocol.name,
        "place": entry and entry.place,
        "group": entry.group if entry else "",
        "system": record.system.name,
        "label": entry.label if entry else record.system.name,
        "stage": stage_of(record),
    }
    measures: Values = {}
    for measure in record.measures:
        name = measure.name
        measures |= {name: measure.value, f"{name}.low": measure.low, f"{name}.high": measure.high}
    last: Values = {
        "tied_fraction": record.tied_fraction,
        "parameters": record.system.parameters,
        "trained_on": ", ".join(record.system.trained_on),
        "precision": record.settings.precision,
        "clips_per_second": entry and entry.clips_per_second,
        "query_p95_seconds": entry and entry.query_p95_seconds,
        "hardware": standing.hardware if standing and entry and entry.speed else None,
        "created": record.created,
        "digest": record.system.digest,
        "protocol_digest": record.protocol.digest,
        "dataset_digest": record.dataset.digest,
        "run": str(run.folder),
        "comparable": isinstance(run, Row),
        "reason": run.reason if isinstance(run, SetAside) else "",
    }
    return first, measures, last
