"""The best system of a protocol in MLflow's model registry."""

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from harness.errors import UserError
from harness.evaluation import TaskEmbedder, prepare
from harness.interface import BuiltSystem, RetrievalSystem, build_system, is_pair_scorer
from harness.machine import CHECKSUMS, Progress, silent, temporary_folder, write_checksums
from harness.protocols import recorded_protocol
from harness.runs import mirror_in_time, register_version, registered_version, save_model
from leaderboard.board import Standing
from leaderboard.runs import Row

ALIAS = "best"


def register(standing: Standing, *, out: Path, data_root: Path, progress: Progress = silent) -> str:
    """Register the best system of a standing, unless it is registered already.

    Args:
        standing: the runs of a text-to-audio protocol, at least one.
        out: the folder of run folders, whose MLflow store is used unless the user has another server.
        data_root: folder with the data sets.
        progress: opened when clips have to be embedded.

    Returns:
        A line that says how to load it.

    Raises:
        UserError: the system is not here as it was evaluated, has no embeddings to keep, or MLflow fails.
    """
    row = standing.rows[0]
    record = row.record
    name = f"lbar-{record.protocol.name}"
    if record.protocol.direction != "text-to-audio":
        raise UserError(f"{record.protocol.name} asks with clips; a model that takes captions needs text-to-audio")
    # The first question to a server; one that does not answer it soon is not waited for.
    if number := registered_version(name, ALIAS, record, out=out):
        return f"{record.system.name} is models:/{name}@{ALIAS} already (version {number})"
    run_id = mirror_in_time(row.folder, out=out)
    with temporary_folder() as folder:
        model = _save(row, folder, data_root, progress)
        number = register_version(name, ALIAS, model, run_id, record, out=out)
    return f"{record.system.name} is now models:/{name}@{ALIAS} (version {number})"


def _save(row: Row, folder: Path, data_root: Path, progress: Progress) -> Path:
    """Write the model as MLflow keeps one: the retriever's code, the clips' embeddings, and their origin."""
    import numpy as np

    record = row.record
    built, system = _as_evaluated(row)
    protocol = recorded_protocol(record.protocol.name, record.protocol.rules)
    assert protocol is not None, "runs by other protocols are set aside"
    prepared = prepare(protocol, data_root, system.info.sample_rate, progress=progress)
    prepared = prepared.described(system.info.uses)
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
    code = find_spec("leaderboard.models.retriever")
    assert code is not None
    assert code.origin is not None
    model = folder / "model"
    write_checksums(folder, ["clips.npy", "about.json"])
    artifacts = {"clips": folder / "clips.npy", "about": folder / "about.json", "checksums": folder / CHECKSUMS}
    save_model(model, Path(code.origin), artifacts, f"lbar=={version('lbar')}")
    return model


def _as_evaluated(row: Row) -> tuple[BuiltSystem, RetrievalSystem]:
    """Build the system of a run, which has to be the one that was evaluated and has to embed clips."""
    record = row.record
    try:
        built = build_system(record.system.name, precision=record.settings.precision, named_by=str(row.folder))
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
    return built, system
