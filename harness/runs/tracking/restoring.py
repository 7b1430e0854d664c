"""Run folders from MLflow: what was mirrored, made into folders again."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.machine import cache_root, embedding_key
from harness.runs.records import EvaluationRecord
from harness.runs.run_folder import find_runs, kind_of_run, place_folder, place_run, read_record
from harness.runs.speed_folder import read_speed_record
from harness.runs.speed_record import KIND as SPEED
from harness.runs.speed_record import SpeedRecord
from harness.runs.tracking.client import COMPLETE, RECORD_ID, open_client, runs_of, tracking_uri
from harness.runs.tracking.speed_mirroring import SPEED_COMPLETE, SPEED_ID

if TYPE_CHECKING:
    from mlflow import MlflowClient


def restore(name: str, *, out: Path) -> list[Path]:
    """Rebuild run folders from MLflow.

    Args:
        name: an MLflow run id, or the name of a protocol for all its completely mirrored runs, or `speed`.
        out: where to; a run that is there already is left alone.

    Returns:
        The folders, embeddings excepted, which are not mirrored.

    Raises:
        UserError: MLflow cannot be reached, knows no such run, or what it holds is no record of this tool.
    """
    present = _present(out)
    with open_client(out) as client:
        experiment = client.get_experiment_by_name(name)
        runs = _complete_runs(client, experiment.experiment_id) if experiment else [client.get_run(name)]
        return [present.get(_record_id(run) or "") or _download(client, run.info.run_id, out) for run in runs]


def mirrored_experiments(*, out: Path) -> list[str]:
    """Names of the protocols of which something is completely mirrored, and `speed` where a measurement is.

    Raises:
        UserError: MLflow cannot be reached.
    """
    with open_client(out) as client:
        names = {run.info.experiment_id for run in _all_runs(client)}
        return sorted(client.get_experiment(experiment).name for experiment in names)


def local_copy(out: Path) -> tuple[Path, list[tuple[str, str]]]:
    """A folder of run folders that has all that is completely mirrored, and nothing else.

    It is kept in the cache, one for each store, so that only what is new is downloaded.

    Args:
        out: the folder whose MLflow store is meant, unless the user has another server.

    Returns:
        The folder, and the MLflow runs that are no run folders of ours: name and reason.

    Raises:
        UserError: MLflow cannot be reached.
    """
    into = cache_root() / "mlflow" / embedding_key(tracking_uri(out))[:16]
    into.mkdir(parents=True, exist_ok=True)
    present = _present(into)
    refused: list[tuple[str, str]] = []
    with open_client(out) as client:
        wanted = {str(_record_id(run)): run for run in _all_runs(client)}
        for record_id, run in wanted.items():
            if record_id not in present:
                try:
                    _download(client, run.info.run_id, into)
                except UserError as error:
                    refused.append((str(run.info.run_name), str(error)))
    for record_id, folder in present.items():
        if record_id not in wanted:
            shutil.rmtree(folder)
    return into, refused


def _present(out: Path) -> dict[str, Path]:
    """The readable run folders, by the id of their record."""
    found = {}
    for folder in find_runs(out, None):
        try:
            found[_record_of(folder).id] = folder
        except UserError:
            continue
    return found


def _all_runs(client: "MlflowClient") -> Iterator[Any]:
    """Every completely mirrored run of every experiment."""
    token: str | None = None
    while True:
        page = client.search_experiments(page_token=token)
        for experiment in page:
            yield from (run for run in _complete_runs(client, experiment.experiment_id) if _record_id(run))
        token = page.token
        if not token:
            return


def _complete_runs(client: "MlflowClient", experiment: str) -> list[Any]:
    """Evaluations and measurements of speed of an experiment that are mirrored completely."""
    return [run for tag in (COMPLETE, SPEED_COMPLETE) for run in runs_of(client, experiment, {tag: "true"})]


def _record_id(run: Any) -> str | None:
    tags = run.data.tags
    found: str | None = tags.get(RECORD_ID) or tags.get(SPEED_ID)
    return found


def _record_of(folder: Path) -> EvaluationRecord | SpeedRecord:
    return read_speed_record(folder) if kind_of_run(folder) == SPEED else read_record(folder)


def _download(client: "MlflowClient", run_id: str, out: Path) -> Path:
    folder = out / f".incomplete-{run_id}"
    try:
        folder.mkdir()
        # A model that was registered from a run lies in a folder of its own, which no run folder has.
        for file in client.list_artifacts(run_id):
            if not file.is_dir:
                client.download_artifacts(run_id, file.path, str(folder))
        record = _record_of(folder)
        if isinstance(record, SpeedRecord):
            return place_folder(folder, out, record.created, record.system.name, SPEED)
        return place_run(folder, out, record)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
