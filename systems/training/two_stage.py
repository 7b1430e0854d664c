"""The paper's two stages, from a card to a trained dual encoder in a folder of its own."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from importlib.metadata import version
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from harness.card_files import CardFile, required_file, required_files
from harness.cards import parse_card, read_card
from harness.curves import Curves
from harness.datasets import RetrievalDataset
from harness.datasets.leaks import Item, Leak, evaluation_sets, find_leaks
from harness.datasets.learned import TRAINING_SPLITS, without_listed
from harness.devices import resolve
from harness.embeddings import embedding_key
from harness.errors import UserError
from harness.pcm_store import PcmStore
from harness.progress import Progress, silent
from systems.audio.mel import SAMPLE_RATE
from systems.checkpoints import weights_digest, write_weights
from systems.dual_encoder import DualEncoder
from systems.dual_encoder_card import DualEncoderCard
from systems.dual_encoder_system import read_model
from systems.initial import initial_model
from systems.text.captions import CaptionTokenizer
from systems.training.config import TrainingConfig
from systems.training.correspondences import teach
from systems.training.data import VALIDATION_SPLIT, TrainingSet, decoded, load_split
from systems.training.export import export
from systems.training.validation import Validation

if TYPE_CHECKING:
    from systems.training.fit import Epoch

_DECISIVE = {"audio", "windows", "text", "shared", "temperature", "training"}
"""Of a card: what decides the weights that come of it."""


def train_dual_encoder(
    card: Mapping[str, object],
    folder: Path,
    out: Path,
    data_root: Path,
    progress: Progress = silent,
    *,
    device: str = "auto",
    precision: str = "fp32",
    say: Callable[[str], None] | None = None,
) -> str:
    """Train by what the card's section `training` says.

    Writes `out/<name>/{card.yaml,<name>.safetensors,training.json}`. A run that was stopped goes on after its last
    finished epoch; one that is finished is not done again.

    Args:
        card: what the card says.
        folder: the card's.
        out: folder that receives the system's.
        data_root: folder with the data sets.
        progress: opened for decoding, and for what the teachers embed.
        device: where, in torch's words, or `auto`.
        precision: `fp32`, `bf16` or `fp16`.
        say: receives a line per epoch; by default they go to standard error.

    Returns:
        A line that names the written card and says what it reaches on the validation split.

    Raises:
        UserError: the card does not fit, files, data or teachers are missing, the card was changed since the training
            began, or the training fails.
    """
    from systems.training.fit import Fitting, fit

    parsed = parse_card(DualEncoderCard, card)
    config = parsed.training
    if config is None:
        raise UserError(f"card {parsed.name!r} has no section `training:` that says how it is trained")
    home = out / parsed.name
    where = resolve(device)
    tokenizer_folder = required_file(parsed.files, "tokenizer", folder, parsed.name)
    text = parsed.text
    tokenizer = CaptionTokenizer.read(tokenizer_folder, text.vocabulary, text.longest, text.normalised)
    data, leaks = training_set(config, data_root, progress)
    validation = Validation.of(load_split(config.validation, VALIDATION_SPLIT, data_root, progress), progress)
    model = start_of(parsed, config, folder)
    said = {
        "card": parsed.model_dump(mode="json", include=_DECISIVE),
        "data": [data.captions_digest, data.audio_digest],
        "validation": validation.digest,
        "start": weights_digest(model),
        "precision": precision,
    }
    finished = _read(home / "training.json")
    if finished.get("said") == _plain(said) and (home / "card.yaml").exists():
        reached = f"{finished['measure']} {finished['reached']:.4f} on the validation split"
        return f"{home / 'card.yaml'}: trained before, {reached}"
    _refuse_change(home / "epochs" / "said.json", said, home)
    curves = Curves(Path(os.environ.get("LBAR_RUNS", "runs")), parsed.name, embedding_key(_plain(said)), _params(said))
    history = home / "epochs" / "history.jsonl"
    heard = say or _say

    def tell(epoch: "Epoch") -> None:
        with history.open("a") as file:
            file.write(json.dumps(asdict(epoch)) + "\n")
        heard(f"{parsed.name}: {epoch}")
        metrics = {"loss": epoch.loss, "validation_mAP_at_10": epoch.reached, "learning_rate": epoch.rate}
        if warning := curves.try_log(epoch.number, metrics):
            heard(warning)

    teachers = teach(config.teachers, data, device=where, progress=progress)
    measured = validation.measure(tokenizer)
    fitting = Fitting(model, tokenizer, config, parsed.temperature, data, teachers, measured, tell, progress)
    fitted = fit(fitting, home / "epochs", device=where, precision=precision)

    best = torch.load(fitted.best, map_location="cpu", weights_only=True, mmap=True)
    model.load_state_dict({key.removeprefix("model."): tensor for key, tensor in best["state_dict"].items()})
    weights = f"{parsed.name}.safetensors"
    write_weights(model.cpu(), home / weights)
    written = parsed.model_copy(
        update={
            "files": {
                "weights": CardFile(path=weights, origin=f"`lbar train {parsed.name}` makes it"),
                "tokenizer": CardFile(path=relpath(tokenizer_folder.resolve(), home.resolve())),
            },
            "random_weights": None,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        }
    )
    record = {
        "said": said,
        "measure": validation.name,
        "reached": fitted.reached,
        "epoch": int(best["epoch"]) + 1,
        "epochs": list({line["number"]: line for line in map(json.loads, history.read_text().splitlines())}.values()),
        "leaks": {"what": config.leaks, "items": [str(leak) for leak in leaks]},
        "teachers": [{"name": teacher.name, "digest": teacher.digest, "bytes": teacher.nbytes} for teacher in teachers],
        "packages": {name: version(name) for name in ("lightning", "numpy", "torch", "transformers")},
    }
    path = export(home, written.model_dump(mode="json", exclude_unset=True), record)
    shutil.rmtree(home / "epochs")
    return f"{path}: {validation.name} {fitted.reached:.4f} on the validation split, in epoch {record['epoch']}"


def training_set(config: TrainingConfig, data_root: Path, progress: Progress) -> tuple[TrainingSet, tuple[Leak, ...]]:
    """The training splits a card names, decoded, and which of their items are evaluation items.

    Exclusion lists are applied first; what else is an evaluation item by id or title is left out as well, unless the
    card allows it.

    Raises:
        UserError: a data set is unknown or not there, a list excludes nothing, or clips are broken.
    """
    datasets = [load_split(name, TRAINING_SPLITS, data_root, progress) for name in config.data]
    datasets = without_listed(datasets, [data_root / path for path in config.exclude])
    evaluation, _ = evaluation_sets(data_root, everyday="everyday" in config.data, progress=progress)
    leaks = find_leaks(datasets, evaluation, progress=progress).leaks
    if config.leaks == "exclude":
        leaked = {leak.training for leak in leaks}
        datasets = [_without(dataset, leaked) for dataset in datasets]
    stores = [PcmStore.of(dataset.name, SAMPLE_RATE) for dataset in datasets]
    for dataset, store in zip(datasets, stores, strict=True):
        decoded(dataset, store, progress)
    return TrainingSet(tuple(datasets), tuple(stores)), tuple(leaks)


def _without(dataset: RetrievalDataset, items: Collection[Item]) -> RetrievalDataset:
    names = {item.clip for item in items if (item.dataset, item.split) == (dataset.name, dataset.split)}
    return dataset.without(names)


def start_of(card: DualEncoderCard, config: TrainingConfig, folder: Path) -> DualEncoder:
    """The model as it is before the first step.

    Raises:
        UserError: the weights it starts from are missing or another system's.
    """
    if not config.start:
        return initial_model(card, folder, config.seed)
    said, its_folder = read_card(config.start)
    start = parse_card(DualEncoderCard, said)
    (weights,) = required_files(start.files, ["weights"], its_folder, start.name)
    return read_model(card, weights)


def _refuse_change(path: Path, said: Mapping[str, object], home: Path) -> None:
    """Remember what a training is of; refuse to go on with another.

    Raises:
        UserError: what is being trained in this folder is something else.
    """
    before = _read(path)
    if before and before != _plain(said):
        changed = [key for key, value in _plain(said).items() if before.get(key) != value]
        raise UserError(
            f"{home} holds a training that was stopped, and since then its {', '.join(changed)} changed; undo that, or "
            f"delete {path.parent} to begin again"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, indent=2) + "\n")


def _params(said: Mapping[str, object]) -> dict[str, str]:
    """What decides a training, flat, for a table."""
    rows: dict[str, str] = {}
    waiting = [("", dict(said))]
    while waiting:
        prefix, part = waiting.pop()
        for key, value in part.items():
            if isinstance(value, dict):
                waiting.append((f"{prefix}{key}.", value))
            else:
                rows[f"{prefix}{key}"] = str(value)
    return rows


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _plain(said: Mapping[str, object]) -> dict[str, object]:
    """As it is read back."""
    plain: dict[str, object] = json.loads(json.dumps(said))
    return plain
