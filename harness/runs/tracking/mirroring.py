"""MLflow as a mirror of run folders: a copy that can always be made again, and never the only one.

One experiment per protocol and one for speed measurements; one run per run folder, found again by the id of its record.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.machine import damaged_files
from harness.runs.records import EvaluationRecord
from harness.runs.run_folder import KINDS, find_runs, kind_of_run, name_parts, read_any_record
from harness.runs.speed_record import SpeedRecord
from harness.runs.tracking.client import experiment_of, open_client, prepare_store, runs_of
from harness.runs.tracking.database import has_run
from harness.runs.tracking.in_time import in_time, tracking_seconds
from harness.runs.tracking.inputs import log_inputs
from harness.runs.tracking.moved_files import local_path
from harness.runs.tracking.place import sqlite_file, tracking_uri
from harness.runs.tracking.values import MIRRORED, allowed

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_SECONDS = 600.0


def mirror(run_folder: Path, *, out: Path) -> str:
    """Copy one run folder, except its embeddings, into MLflow.

    Doing it again changes nothing; a copy that was interrupted is replaced.

    Args:
        run_folder: the folder to copy, of any of `KINDS`.
        out: the folder of run folders; the SQLite file and the artifacts live there unless the user has another server.

    Returns:
        The MLflow run id.

    Raises:
        UserError: the folder has no readable record, or MLflow refused or could not be reached.
    """
    record = read_any_record(run_folder)
    with open_client(out) as client:
        return _mirror(client, run_folder, record, out)


def run_name(record: EvaluationRecord | SpeedRecord) -> str:
    """The name of the MLflow run: the run folder's, with the time at its end, so that it begins with the system."""
    time, *about = name_parts(record)
    return "-".join((*about, time))


def mirror_in_time(run_folder: Path, *, out: Path) -> str:
    """As `mirror`, but it may take ten minutes (`LBAR_TRACKING_SECONDS`)."""
    return in_time(partial(mirror, run_folder, out=out), out, tracking_seconds(_SECONDS))


def try_mirror(run_folder: Path, *, out: Path) -> str | None:
    """As `mirror`, but it may take 10 seconds (`LBAR_TRACKING_SECONDS`), and a failure is returned as one line to show.

    Nothing is raised: the folder is what counts.
    """
    try:
        if not _is_mirrored(run_folder, out):
            in_time(partial(mirror, run_folder, out=out), out)
    except UserError as error:
        return f"{error}; the run itself is safe in {run_folder}, `lbar track` mirrors it later"
    return None


def _is_mirrored(run_folder: Path, out: Path) -> bool:
    """Whether a SQLite file has a complete copy; of another store that is not told without MLflow."""
    database = sqlite_file(tracking_uri(out))
    if database is None:
        return False
    record = read_any_record(run_folder)
    mirrored = MIRRORED[record.kind]
    return has_run(database, {mirrored.id_tag: record.id, mirrored.complete_tag: "true"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one folder: `message` is the MLflow run id, or says why there is none."""

    done: bool
    message: str


def mirror_all(out: Path, folders: Sequence[Path] | None = None) -> list[tuple[Path, Outcome]]:
    """Mirror all runs in `out`, or `folders` only; one that cannot be mirrored does not stop the others.

    Each may take ten minutes (`LBAR_TRACKING_SECONDS`).

    Raises:
        UserError: MLflow cannot be reached at all.
    """
    if folders is None:
        folders = [folder for folder in find_runs(out, None) if kind_of_run(folder) in (*KINDS, None)]
    outcomes: list[tuple[Path, Outcome]] = []
    if not folders:
        return outcomes
    # A server that answers at all may then take its time: large files over a slow line are what the command is for.
    in_time(partial(prepare_store, out), out)
    for folder in folders:
        try:
            outcome = Outcome(True, mirror_in_time(folder, out=out))
        except UserError as error:
            outcome = Outcome(False, str(error))
        outcomes.append((folder, outcome))
    return outcomes


def _discard(client: "MlflowClient", run: "Run") -> None:
    """Delete a copy that was interrupted; MLflow itself would leave its files."""
    client.delete_run(run.info.run_id)
    files = str(run.info.artifact_uri)
    if files.startswith("file:") and local_path(files).parent.name == run.info.run_id:
        shutil.rmtree(local_path(files).parent, ignore_errors=True)


def _mirror(client: "MlflowClient", folder: Path, record: EvaluationRecord | SpeedRecord, out: Path) -> str:
    from mlflow.entities import Metric, Param

    if damaged := damaged_files(folder):
        raise UserError(f"{folder} is not mirrored: {', '.join(damaged)} is damaged; evaluate the system again")
    mirrored = MIRRORED[record.kind]
    shown = [allowed(name) for name in mirrored.shown(record)]
    experiment_id = experiment_of(client, mirrored.experiment(record), out, shown)
    for run in runs_of(client, experiment_id, {mirrored.id_tag: record.id}):
        if mirrored.complete_tag in run.data.tags:
            return str(run.info.run_id)
        _discard(client, run)
    ended_ms = round(record.created.timestamp() * 1000)
    begun_ms = ended_ms - round(mirrored.seconds(record) * 1000)
    tags = mirrored.all_tags(record)
    run_id = str(client.create_run(experiment_id, begun_ms, tags, run_name=run_name(record)).info.run_id)
    of = log_inputs(client, run_id, experiment_id, record) if isinstance(record, EvaluationRecord) else {}
    metrics = [Metric(name, value, ended_ms, 0, **of) for name, value in mirrored.all_metrics(record).items()]
    params = [Param(name, value) for name, value in mirrored.all_params(record).items()]
    client.log_batch(run_id, metrics=metrics, params=params, synchronous=True)
    for path in sorted(folder.iterdir()):
        if path.is_file():
            client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, "FINISHED", end_time=ended_ms)
    client.set_tag(run_id, mirrored.complete_tag, "true")
    return run_id
