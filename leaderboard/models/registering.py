"""The best system of a protocol in MLflow's model registry."""

import json
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.evaluation import TaskEmbedder, prepare
from harness.interface import build_system, is_pair_scorer
from harness.machine import Progress, silent
from harness.protocols import PROTOCOLS
from harness.runs import RECORD_ID, mirror, open_client, quiet
from leaderboard.board import Standing
from leaderboard.runs import Row

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "best"
FOLDER = "retriever"
"""Where the model lies among the artifacts of its run."""


def model_name(protocol: str) -> str:
    """Name in the registry, as in `models:/lbar-everyday@best`."""
    return f"lbar-{protocol}"


def register(standing: Standing, *, out: Path, data_root: Path, progress: Progress = silent) -> str:
    """Register the best system of a standing, unless it is registered already.

    Args:
        standing: of text-to-audio, with at least one run.
        out: the folder of run folders, whose MLflow store is used unless the user has another server.
        data_root: folder with the data sets.
        progress: opened where clips are embedded.

    Returns:
        A line that says how to load it.

    Raises:
        UserError: the system is not here as it was evaluated, has no embeddings to keep, or MLflow fails.
    """
    row = standing.rows[0]
    record = row.record
    name = model_name(record.protocol.name)
    if record.protocol.direction != "text-to-audio":
        raise UserError(f"{record.protocol.name} asks with clips; a model that takes captions needs text-to-audio")
    run_id = mirror(row.folder, out=out)
    with open_client(out) as client:
        known = _best(client, name)
        if known is not None and known.tags.get(RECORD_ID) == record.id:
            return f"{record.system.name} is models:/{name}@{ALIAS} already (version {known.version})"
    with tempfile.TemporaryDirectory() as folder:
        _save(row, Path(folder), data_root, progress)
        with open_client(out) as client:
            client.log_artifacts(run_id, str(Path(folder) / FOLDER), FOLDER)
            if known is None and not _exists(client, name):
                client.create_registered_model(name, description=f"Best system under {record.protocol.name}, by lbar")
            tags = {RECORD_ID: record.id, record.primary.name.replace("@", "_at_"): f"{record.primary.value:.6f}"}
            source = f"{client.get_run(run_id).info.artifact_uri}/{FOLDER}"
            made = client.create_model_version(
                name, source, run_id, tags=tags, description=f"{record.system.name}, run {row.folder.name}"
            )
            client.set_registered_model_alias(name, ALIAS, made.version)
    return f"{record.system.name} is now models:/{name}@{ALIAS} (version {made.version})"


def _save(row: Row, folder: Path, data_root: Path, progress: Progress) -> None:
    """The model as MLflow keeps one: the retriever's code, the clips' embeddings, and what they are of."""
    import numpy as np

    record = row.record
    try:
        built = build_system(record.system.name, precision=record.settings.precision)
    except UserError as error:
        raise UserError(f"{record.system.name} is the best, but cannot be loaded by that name here: {error}") from error
    system = built.system
    if is_pair_scorer(system):
        raise UserError(f"{record.system.name} scores pairs and has no embeddings of clips to keep in a model")
    if record.system.digest is None or system.info.digest != record.system.digest:
        raise UserError(
            f"the {record.system.name} that is here is not the one of {row.folder} (its digest differs); evaluate it "
            "again, then register it"
        )
    prepared = prepare(PROTOCOLS[record.protocol.name], data_root, system.info.sample_rate, progress=progress)
    if prepared.task.digest != record.dataset.digest:
        raise UserError(f"the data in {data_root} are not those of {row.folder}; evaluate the system again")
    embedder = TaskEmbedder(built.device, built.precision, record.settings.batch_size, progress)
    np.save(folder / "clips.npy", np.asarray(embedder.clips(system, prepared), dtype=np.float32))
    about = {
        "system": record.system.name,
        "digest": record.system.digest,
        "precision": record.settings.precision,
        "protocol": record.protocol.name,
        "clips": [clip.name for clip in prepared.task.clips],
    }
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    _save_model(folder)


def _save_model(folder: Path) -> None:
    code = find_spec("leaderboard.models.retriever")
    assert code is not None
    assert code.origin is not None
    with quiet():
        from mlflow import pyfunc

        pyfunc.save_model(
            str(folder / FOLDER),
            python_model=code.origin,
            artifacts={name: str(folder / file) for name, file in (("clips", "clips.npy"), ("about", "about.json"))},
            pip_requirements=[f"lbar=={version('lbar')}"],
        )


def _best(client: "MlflowClient", name: str) -> Any:
    """The version that has the alias, `None` where there is none yet."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _exists(client: "MlflowClient", name: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True
