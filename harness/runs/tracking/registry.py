"""MLflow's model registry: versions of a model, each from a run, and the alias of the one that is current."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from harness.runs.records import EvaluationRecord
from harness.runs.tracking.client import open_client, unless
from harness.runs.tracking.in_time import in_time, tracking_seconds
from harness.runs.tracking.quiet import quiet
from harness.runs.tracking.values import EVALUATION, allowed

_FOLDER = "retriever"
"""Where the model lies among the artifacts of its run."""

_SECONDS = 600.0
"""In which a model has to be uploaded, which may be large, unless `LBAR_TRACKING_SECONDS` says otherwise."""


def save_model(folder: Path, code: Path, artifacts: Mapping[str, Path], requirement: str) -> None:
    """Write a model into `folder`.

    Args:
        folder: an empty folder, or one that does not exist.
        code: the file that MLflow runs where the model is loaded; it names the model by `set_model`.
        artifacts: files that the code finds by these names.
        requirement: what has to be installed there, as `pip` takes it.
    """
    with quiet():
        from mlflow import pyfunc, tracing

        # Up to 3.14, saving would turn it on again, which makes an empty database in the working directory.
        tracing.disable()
        pyfunc.save_model(
            str(folder),
            python_model=str(code),
            artifacts={name: str(path) for name, path in artifacts.items()},
            pip_requirements=[requirement],
        )


def registered_version(name: str, alias: str, record: EvaluationRecord, *, out: Path) -> str | None:
    """The version of a model that has the alias, if it was made from this evaluation.

    Raises:
        UserError: MLflow cannot be reached, or does not answer within 10 seconds (`LBAR_TRACKING_SECONDS`).
    """
    return in_time(partial(_registered, name, alias, record, out), out)


def _registered(name: str, alias: str, record: EvaluationRecord, out: Path) -> str | None:
    unknown = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
    with open_client(out) as client:
        current = unless(lambda: client.get_model_version_by_alias(name, alias), *unknown)
        return str(current.version) if current and current.tags.get(EVALUATION.id_tag) == record.id else None


def register_version(name: str, alias: str, model: Path, run_id: str, record: EvaluationRecord, *, out: Path) -> str:
    """Add a version to a model, which is made where it does not exist, and give it the alias.

    Args:
        name: of the model in the registry.
        alias: taken from the version that has it so far.
        model: the folder from `save_model`.
        run_id: the MLflow run of the evaluation, from `mirror`; the model becomes one of its artifacts.
        record: of that evaluation.
        out: the folder of run folders, whose MLflow store is used unless the user has another server.

    Returns:
        The version.

    Raises:
        UserError: MLflow refused, could not be reached, or took longer than ten minutes (`LBAR_TRACKING_SECONDS`).
    """
    return in_time(partial(_register, name, alias, model, run_id, record, out), out, tracking_seconds(_SECONDS))


def _register(name: str, alias: str, model: Path, run_id: str, record: EvaluationRecord, out: Path) -> str:
    about = f"Best system under {record.protocol.name}, by lbar"
    primary = record.primary
    tags = {EVALUATION.id_tag: record.id, allowed(primary.name): f"{primary.value:.6f}"}
    with open_client(out) as client:
        client.log_artifacts(run_id, str(model), _FOLDER)
        unless(lambda: client.create_registered_model(name, description=about), "RESOURCE_ALREADY_EXISTS")
        run = client.get_run(run_id).info
        made = client.create_model_version(
            name,
            f"{run.artifact_uri}/{_FOLDER}",
            run_id,
            tags=tags,
            description=f"{record.system.name}, run {run.run_name}",
        )
        client.set_registered_model_alias(name, alias, made.version)
        return str(made.version)
