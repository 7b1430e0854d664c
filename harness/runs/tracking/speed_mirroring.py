"""Speed measurements in MLflow: mirrored as evaluations are, in an experiment of their own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.runs.speed_folder import read_speed_record
from harness.runs.speed_record import KIND, SpeedRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient
from harness.runs.tracking.client import open_client, tracking_uri

SPEED_ID = "lbar.speed_id"
"""Tag with the record's id. Another one than that of evaluations, so that nobody takes the one for the other."""
SPEED_COMPLETE = "lbar.speed_complete"


def mirror_speed(folder: Path, *, out: Path) -> str:
    """Copy the run folder of a speed measurement into MLflow; doing it again changes nothing.

    Returns:
        The MLflow run id.

    Raises:
        UserError: the folder has no readable record, or MLflow refused or could not be reached.
    """
    with open_client(out) as client:
        return mirror_speed_by(client, folder, out)


def mirror_speed_by(client: "MlflowClient", folder: Path, out: Path) -> str:
    """The same by a client that is open already."""
    from mlflow.entities import Metric, Param

    record = read_speed_record(folder)
    experiment = client.get_experiment_by_name(KIND)
    if experiment is None:
        # A server has its own place for artifacts; a bare database has none but the current folder.
        served = tracking_uri(out).startswith(("http", "databricks"))
        place = None if served else (out / "mlartifacts" / KIND).absolute().as_uri()
        experiment = client.get_experiment(client.create_experiment(KIND, artifact_location=place))
    for run in client.search_runs([experiment.experiment_id], f"tags.`{SPEED_ID}` = '{record.id}'"):
        if SPEED_COMPLETE in run.data.tags:
            return str(run.info.run_id)
        client.delete_run(run.info.run_id)
    created_ms = round(record.created.timestamp() * 1000)
    tags = {
        SPEED_ID: record.id,
        "lbar.schema_version": str(record.schema_version),
        "lbar.comparable": str(record.comparable).lower(),
        "lbar.reasons": "; ".join(record.reasons)[:500],
    }
    run = client.create_run(experiment.experiment_id, created_ms, tags, run_name=folder.name)
    run_id = str(run.info.run_id)
    metrics = [Metric(name, value, created_ms, 0) for name, value in speed_metrics(record)]
    params = [Param(name, value[:500]) for name, value in _params(record).items()]
    client.log_batch(run_id, metrics=metrics, params=params, synchronous=True)
    for path in sorted(folder.iterdir()):
        client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, "FINISHED", end_time=created_ms)
    client.set_tag(run_id, SPEED_COMPLETE, "true")
    return run_id


def try_mirror_speed(folder: Path, *, out: Path) -> str | None:
    """As `mirror_speed`, but a failure is one line to show: the folder is what counts."""
    try:
        mirror_speed(folder, out=out)
    except UserError as error:
        return f"{error}; the measurement itself is safe in {folder}, `lbar track` mirrors it later"
    return None


def speed_metrics(record: SpeedRecord) -> Iterator[tuple[str, float]]:
    """The figures under names MLflow allows."""
    for name, value in record.figures:
        if value is not None:
            yield name, value
    for stage, seconds in record.stages.items():
        yield f"stage.{stage}", seconds
    for workload in record.workloads:
        for case in workload.cases:
            name = re.sub(r"[^\w. -]", "", case.name)
            yield f"{name}.p50", case.p50
            yield f"{name}.p95", case.p95
            if case.share_of_limit is not None:
                yield f"{name}.share_of_limit", case.share_of_limit


def _params(record: SpeedRecord) -> dict[str, str]:
    environment = record.environment
    return {
        "system.name": record.system.name,
        "system.digest": record.system.digest or "",
        "settings.device": record.settings.device,
        "settings.precision": record.settings.precision,
        "settings.compiled": str(record.settings.compiled),
        "settings.batch_size": str(record.settings.batch_size),
        "environment.cpu": environment.cpu,
        "environment.accelerator": environment.accelerator.name if environment.accelerator else "",
        "command": record.command,
    }
