"""From a card to a trained system in a folder of its own."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.datasets import RetrievalDataset, load
from harness.errors import UserError
from harness.pcm_store import PcmStore
from harness.preparation import broken_clips
from harness.progress import Progress, silent
from systems.audio.mel import SAMPLE_RATE
from systems.linear import LinearSystem, parse_card
from systems.training.linear import fit, validate


def train_linear(card: Mapping[str, object], out: Path, data_root: Path, progress: Progress = silent) -> str:
    """Fit on the development split and write `out/<name>/{card.yaml,<name>.safetensors,training.json}`.

    Returns:
        A line that names the card and says what it reaches on the validation split.

    Raises:
        UserError: the card does not fit, data are missing or broken, or the folder cannot be written.
    """
    parsed = parse_card(card)
    store = PcmStore.of(parsed.dataset, SAMPLE_RATE)
    development, validation = (
        _decoded(load(parsed.dataset, split, data_root, progress=progress), store, progress)
        for split in ("development", "validation")
    )
    system = fit(parsed, development, store, progress)
    reached = validate(system, validation, store)
    trained = {
        "dataset": development.name,
        "development": {"captions_digest": development.digest, "audio_digest": store.digest(development.clips)},
        "validation": {
            "captions_digest": validation.digest,
            "audio_digest": store.digest(validation.clips),
            reached.name: reached.value,
        },
        "system_digest": system.info.digest,
        "packages": {name: version(name) for name in ("numpy", "scikit-learn", "torch")},
    }
    folder = _write(system, trained, out)
    return f"{folder / 'card.yaml'}: {reached.name} {reached.value:.4f} on the validation split"


def _decoded(dataset: RetrievalDataset, store: PcmStore, progress: Progress) -> RetrievalDataset:
    if broken := store.ensure(dataset.clips, progress=progress):
        raise broken_clips(broken, len(dataset.clips), f"mend them before training on {dataset.name} {dataset.split}")
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
