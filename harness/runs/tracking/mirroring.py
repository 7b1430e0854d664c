"""MLflow as a mirror of run folders: a copy that can always be made again, and never the only one.

One experiment per protocol, one run per evaluation, named as its folder and found again by the tag `lbar.record_id`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.runs.records import EvaluationRecord
from harness.runs.run_folder import find_runs, kind_of_run, read_record
from harness.runs.tracking.client import COMPLETE, RECORD_ID, _cut, failure, open_client, runs_of, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_MODEL_KEY = "lbar.system"


def mirror(run_folder: Path, *, out: Path) -> str:
    """Copy one run folder, except its embeddings, into MLflow.

    Doing it again changes nothing; a copy that was interrupted is replaced.

    Args:
        run_folder: what to copy.
        out: the folder of run folders; the SQLite file and the artifacts live there unless the user has another server.

    Returns:
        The MLflow run id.

    Raises:
        UserError: the folder has no readable record, or MLflow refused or could not be reached.
    """
    record = read_record(run_folder)
    with open_client(out) as client:
        return _mirror(client, run_folder, record, out)


def try_mirror(run_folder: Path, *, out: Path) -> str | None:
    """As `mirror`, but a failure is one line to show and never an exception: the folder is what counts."""
    try:
        mirror(run_folder, out=out)
    except UserError as error:
        return f"{error}; the run itself is safe in {run_folder}, `lbar track` mirrors it later"
    return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one folder: the MLflow run id, or why there is none."""

    done: bool
    message: str


def mirror_all(out: Path, folders: Sequence[Path] | None = None) -> list[tuple[Path, Outcome]]:
    """Mirror all runs in `out`, or `folders` only; one that cannot be mirrored does not stop the others.

    Raises:
        UserError: MLflow cannot be reached at all.
    """
    outcomes: list[tuple[Path, Outcome]] = []
    from harness.runs.speed_record import KIND
    from harness.runs.tracking.speed_mirroring import mirror_speed_by

    if folders is None:
        # One that does not say what it is is in both.
        folders = list(dict.fromkeys((*find_runs(out), *find_runs(out, kind=KIND))))
    if not folders:
        return outcomes
    with open_client(out) as client:
        client.search_experiments(max_results=1)
        for folder in folders:
            try:
                is_speed = kind_of_run(folder) == KIND
                run_id = (
                    mirror_speed_by(client, folder, out)
                    if is_speed
                    else _mirror(client, folder, read_record(folder), out)
                )
                outcome = Outcome(True, run_id)
            except Exception as error:
                outcome = Outcome(False, str(error if isinstance(error, UserError) else failure(error, out)))
            outcomes.append((folder, outcome))
    return outcomes


def _mirror(client: "MlflowClient", folder: Path, record: EvaluationRecord, out: Path) -> str:
    experiment_id = _experiment(client, record, out)
    for run in runs_of(client, experiment_id, {RECORD_ID: record.id}):
        if COMPLETE in run.data.tags:
            return str(run.info.run_id)
        client.delete_run(run.info.run_id)
    created_ms = round(record.created.timestamp() * 1000)
    run_id = str(
        client.create_run(
            experiment_id,
            start_time=created_ms - round(record.seconds.total * 1000),
            tags=_tags(record),
            run_name=folder.name,
        ).info.run_id
    )
    _log_figures(client, run_id, experiment_id, record, created_ms)
    for path in sorted(folder.iterdir()):
        if path.is_file():
            client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, "FINISHED", end_time=created_ms)
    client.set_tag(run_id, COMPLETE, "true")
    return run_id


def _log_figures(
    client: "MlflowClient", run_id: str, experiment_id: str, record: EvaluationRecord, created_ms: int
) -> None:
    """Parameters, metrics, and the data set and model the metrics belong to."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, Metric, Param

    dataset = Dataset(
        name=f"{record.dataset.name}-{record.dataset.split}",
        # MLflow keeps 36 characters of a digest.
        digest=record.dataset.digest[:36],
        source_type="lbar",
        source=json.dumps({"name": record.dataset.name, "split": record.dataset.split}),
        profile=json.dumps({"clips": record.dataset.clips, "queries": record.dataset.queries}),
    )
    model_id = _model(client, run_id, experiment_id, record)
    used = DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])
    client.log_inputs(run_id, datasets=[used], models=[LoggedModelInput(model_id)])
    metrics = [
        Metric(
            name,
            value,
            created_ms,
            0,
            model_id=model_id,
            dataset_name=dataset.name,
            dataset_digest=dataset.digest,
            run_id=run_id,
        )
        for name, value in metrics_of(record).items()
    ]
    params = [Param(name, _cut(value)) for name, value in _params(record).items()]
    client.log_batch(run_id, metrics=metrics, params=params, synchronous=True)


def metrics_of(record: EvaluationRecord) -> dict[str, float]:
    """The figures of a record under names MLflow allows: `mAP@10` becomes `mAP_at_10`."""
    metrics = {"tied_fraction": record.tied_fraction}
    for measure in record.measures:
        name = measure.name.replace("@", "_at_")
        metrics[name] = measure.value
        for bound in ("low", "high", "optimistic"):
            metrics[f"{name}.{bound}"] = getattr(measure, bound)
    return metrics | {f"seconds.{stage}": value for stage, value in record.seconds}


def _experiment(client: "MlflowClient", record: EvaluationRecord, out: Path) -> str:
    experiment = client.get_experiment_by_name(record.protocol.name)
    if experiment:
        return str(experiment.experiment_id)
    # A server has its own place for artifacts; a bare database has none but the current folder.
    served = tracking_uri(out).startswith(("http", "databricks"))
    location = None if served else (out / "mlartifacts" / record.protocol.name).absolute().as_uri()
    return str(client.create_experiment(record.protocol.name, artifact_location=location))


def _model(client: "MlflowClient", run_id: str, experiment_id: str, record: EvaluationRecord) -> str:
    """The system as an MLflow model: one per experiment and digest, so that its evaluations meet there."""
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_IS_EXTERNAL

    key = re.sub(r"[^\w.-]", "_", record.system.digest or record.id)
    known = client.search_logged_models([experiment_id], filter_string=f"tags.`{_MODEL_KEY}` = '{key}'", max_results=1)
    if known:
        return str(known[0].model_id)
    model = client.create_logged_model(
        experiment_id,
        name=_cut(re.sub(r"[/:.%\"']", "_", record.system.name)),
        source_run_id=run_id,
        params={name: _cut(value) for name, value in _flat("", record.system.model_dump(mode="json"))},
        tags={_MODEL_KEY: key, MLFLOW_MODEL_IS_EXTERNAL: "true"},
        model_type="retrieval-system",
    )
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def _params(record: EvaluationRecord) -> dict[str, str]:
    parts = record.model_dump(mode="json", include={"system", "settings", "environment"})
    return dict(_flat("", parts))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested fields as dotted names, what is unknown or empty left out.

    >>> list(_flat("", {"a": {"b": 1, "c": None}, "d": ["x", "y"]}))
    [('a.b', '1'), ('d', 'x, y')]
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list):
        yield from _flat(name, ", ".join(map(str, value)))
    elif value not in (None, ""):
        yield name, str(value)


def _tags(record: EvaluationRecord) -> dict[str, str]:
    tags = {
        RECORD_ID: record.id,
        "lbar.schema_version": str(record.schema_version),
        "lbar.protocol_digest": record.protocol.digest,
        "lbar.dataset_digest": record.dataset.digest,
        "lbar.comparable": str(record.comparable).lower(),
        "lbar.reasons": _cut("; ".join(record.reasons)),
        "mlflow.source.name": _cut(record.command),
    }
    if record.environment.git:
        tags["mlflow.source.git.commit"] = record.environment.git.commit
    return tags
