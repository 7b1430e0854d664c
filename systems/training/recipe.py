"""From a card to a trained system in a folder of its own."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.cache import cache_root
from harness.datasets import RetrievalDataset, load
from harness.errors import UserError
from harness.pcm_store import PcmStore
from harness.progress import Progress, silent
from systems.audio.mel import SAMPLE_RATE
from systems.linear import LinearCard, LinearSystem
from systems.training.linear import fit, mean_average_precision


def train_linear(card: LinearCard, out: Path, data_root: Path, *, progress: Progress = silent) -> tuple[Path, float]:
    """Fit on the development split and write `out/<name>/{card.yaml,<name>.safetensors,training.json}`.

    Returns:
        The folder, and mAP@10 on the validation split.

    Raises:
        UserError: data are missing or broken, or the folder cannot be written.
    """
    store = PcmStore(cache_root() / "pcm" / card.dataset, SAMPLE_RATE)
    development = _decoded(load(card.dataset, "development", data_root, progress=progress), store, progress)
    validation = _decoded(load(card.dataset, "validation", data_root, progress=progress), store, progress)
    system = fit(card, development, store, progress("fit", len(development.clips)))
    reached = mean_average_precision(system, validation, store)
    trained = {
        "dataset": development.name,
        "development": {"dataset_digest": development.digest, "audio_digest": store.digest(development.clips)},
        "validation": {
            "dataset_digest": validation.digest,
            "audio_digest": store.digest(validation.clips),
            "mAP@10": reached,
        },
        "system_digest": system.info.digest,
        "packages": {name: version(name) for name in ("numpy", "scikit-learn", "torch")},
    }
    return _write(system, trained, out), reached


def _decoded(dataset: RetrievalDataset, store: PcmStore, progress: Progress) -> RetrievalDataset:
    broken = store.ensure(dataset.clips, on_progress=progress("decode", len(dataset.clips)))
    if broken:
        raise UserError(
            f"{len(broken)} of {len(dataset.clips)} clips of {dataset.name} {dataset.split} are broken or missing",
            [str(error) for _, error in broken],
        )
    return dataset


def _write(system: LinearSystem, trained: Mapping[str, object], out: Path) -> Path:
    """Put the files in place one by one, the card last: it is what a system is loaded by."""
    import yaml

    folder = out / system.card.name
    weights = f"{system.card.name}.safetensors"
    card = system.card.model_copy(update={"weights": weights}).model_dump(mode="json")
    contents = {
        weights: system.weights.to_bytes(),
        "training.json": (json.dumps(trained, indent=2) + "\n").encode(),
        "card.yaml": yaml.safe_dump(card, sort_keys=False).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
            for name, content in contents.items():
                (Path(unfinished) / name).write_bytes(content)
            for name in contents:
                (Path(unfinished) / name).replace(folder / name)
    except OSError as error:
        raise UserError(
            f"cannot write {folder}: {error.strerror or error}; make room or name another folder by --out"
        ) from error
    return folder
