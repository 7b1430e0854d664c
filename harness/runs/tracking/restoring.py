"""Run folders from MLflow: what was mirrored, made into folders again."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import UserError
from harness.machine import cache_root, damaged_files, embedding_key, exclusive
from harness.runs.run_folder import INCOMPLETE, find_runs, place_folder, read_any_record
from harness.runs.tracking.client import open_client, runs_of
from harness.runs.tracking.in_time import in_time, tracking_seconds
from harness.runs.tracking.place import refuse_other_disk, tracking_uri
from harness.runs.tracking.values import MIRRORED

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SECONDS = 600.0
"""In which the list of runs, and each run, has to come, unless `LBAR_TRACKING_SECONDS` says otherwise."""


def restore(name: str | None, *, out: Path) -> list[Path]:
    """Rebuild run folders from MLflow.

    Args:
        name: an MLflow run id, or the name of a protocol for all its completely mirrored runs, or `speed`; `None` for
            all that is completely mirrored.
        out: where to; a run that is there already is left alone.

    Returns:
        The folders, embeddings excepted, which are not mirrored.

    Raises:
        UserError: MLflow cannot be reached, knows no such run, or what it holds is no record of this tool.
    """
    present = _present(out)
    return [present.get(run.record or "") or _fetched(run, out, out) for run in _listed(name, out)]


def local_copy(out: Path) -> tuple[Path, list[tuple[str, str]]]:
    """A folder of run folders that has all that is completely mirrored, and nothing else.

    It is kept in the cache, one for each store, so that only what is new is downloaded.

    Args:
        out: the folder whose MLflow store is meant, unless the user has another server.

    Returns:
        The folder, and name and reason of each MLflow run that is not a copy of a run folder.

    Raises:
        UserError: MLflow cannot be reached.
    """
    into = cache_root() / "mlflow" / embedding_key(tracking_uri(out))[:16]
    refused: list[tuple[str, str]] = []
    with exclusive(into / ".lock", "a copy of what MLflow has"):
        for damaged in filter(damaged_files, find_runs(into, None)):
            # It is downloaded again.
            shutil.rmtree(damaged)
        present = _present(into)
        wanted = {str(run.record): run for run in _listed(None, out)}
        for record_id, run in wanted.items():
            if record_id not in present:
                try:
                    _fetched(run, into, out)
                except UserError as error:
                    refused.append((run.name, str(error)))
        for record_id, folder in present.items():
            if record_id not in wanted:
                shutil.rmtree(folder)
    return into, refused


class _Run(NamedTuple):
    """A run in MLflow, and the id of the record it is a copy of, where it is one."""

    id: str
    name: str
    record: str | None


def _listed(name: str | None, out: Path) -> list[_Run]:
    """The runs that `restore` is asked for."""
    return in_time(partial(_list, name, out), out, tracking_seconds(_SECONDS))


def _fetched(run: _Run, into: Path, out: Path) -> Path:
    """The run's folder, made in `into` from the store of `out`."""
    return in_time(partial(_download, run.id, into, out), out, tracking_seconds(_SECONDS))


def _present(out: Path) -> dict[str, Path]:
    """The readable run folders, by the id of their record."""
    found = {}
    for folder in find_runs(out, None):
        try:
            found[read_any_record(folder).id] = folder
        except UserError:
            continue
    return found


def _list(name: str | None, out: Path) -> list[_Run]:
    with open_client(out) as client:
        if name is None:
            runs = list(_all_runs(client))
        else:
            experiment = client.get_experiment_by_name(name)
            runs = _complete_runs(client, experiment.experiment_id) if experiment else [client.get_run(name)]
        return [_Run(run.info.run_id, run.info.run_name, _record_id(run)) for run in runs]


def _all_runs(client: "MlflowClient") -> Iterator[Any]:
    """Every completely mirrored run, experiment by experiment."""
    token: str | None = None
    while True:
        page = client.search_experiments(order_by=["name ASC"], page_token=token)
        for experiment in page:
            yield from (run for run in _complete_runs(client, experiment.experiment_id) if _record_id(run))
        token = page.token
        if not token:
            return


def _complete_runs(client: "MlflowClient", experiment: str) -> list[Any]:
    """The runs of an experiment that are mirrored completely, of every kind."""
    tags = [mirrored.complete_tag for mirrored in MIRRORED.values()]
    return [run for tag in tags for run in runs_of(client, experiment, {tag: "true"})]


def _record_id(run: Any) -> str | None:
    ids = (run.data.tags.get(mirrored.id_tag) for mirrored in MIRRORED.values())
    return next(filter(None, ids), None)


def _download(run_id: str, into: Path, out: Path) -> Path:
    folder = into / f"{INCOMPLETE}{run_id}"
    with open_client(out) as client:
        try:
            # What a process left that was ended in between; no other one is at it.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            refuse_other_disk(client.get_run(run_id).info.artifact_uri, tracking_uri(out))
            # A model that was registered from the run is a folder among its artifacts; a run folder has only files.
            for file in client.list_artifacts(run_id):
                if not file.is_dir:
                    client.download_artifacts(run_id, file.path, str(folder))
            record = read_any_record(folder)
            if damaged := damaged_files(folder):
                names = ", ".join(damaged)
                raise UserError(f"{names} of MLflow run {run_id} was damaged there; evaluate the system again")
            return place_folder(folder, into, record)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
