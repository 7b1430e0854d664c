"""The paper's two stages, from a card to a trained dual encoder in a folder of its own."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import version
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from harness.errors import UserError
from harness.interface import CardFile, is_card, located, parse_card, read_card, required_file, required_files
from harness.machine import Progress, embedding_key, exclusive, resolve, silent
from harness.runs import Curves
from systems.checkpoints import weights_digest, write_weights
from systems.dual_encoder import DualEncoder, DualEncoderCard, TrainingConfig, initial_model, read_model
from systems.text import CaptionTokenizer
from systems.training.data.lessons import training_set
from systems.training.data.training_set import load_split
from systems.training.export import export
from systems.training.fitting.validation import Validation
from systems.training.teachers.correspondences import teach

if TYPE_CHECKING:
    from systems.training.fitting.module import Epoch

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
    from systems.training.fitting.fit import PRECISIONS, fit
    from systems.training.fitting.module import Fitting

    parsed = parse_card(DualEncoderCard, card)
    if parsed.training is None:
        raise UserError(f"card {parsed.name!r} has no section `training:` that says how it is trained")
    config = _located(parsed.training, folder)
    home, where, heard = out / parsed.name, resolve(device), say or _say
    if precision not in PRECISIONS or (precision, where) == ("fp16", "cpu"):
        raise UserError(f"{where} does not train in {precision!r}; expected {', '.join(PRECISIONS)}, fp16 not on a CPU")
    tokenizer_folder = required_file(parsed.files, "tokenizer", folder, parsed.name)
    text = parsed.text
    tokenizer = CaptionTokenizer.read(tokenizer_folder, text.vocabulary, text.longest, text.normalised)
    lessons = training_set(config, data_root, progress)
    for line in lessons.told():
        heard(f"{parsed.name}: {line}")
    data = lessons.data
    validation = Validation.of(load_split(config.validation, "validation", data_root, progress), progress)
    teachers = teach(config.teachers, data, device=where, progress=progress)
    model = start_of(parsed, config, folder)
    said = _plain(
        {
            "card": parsed.model_dump(mode="json", include=_DECISIVE),
            "data": [data.captions_digest, data.audio_digest],
            "validation": validation.digest,
            "tokenizer": tokenizer.digest,
            "start": weights_digest(model),
            "teachers": [teacher.digest for teacher in teachers],
            "precision": precision,
        }
    )
    weights = f"{parsed.name}.safetensors"
    finished = _read(home / "training.json")
    if finished.get("said") == said and (home / "card.yaml").exists() and (home / weights).exists():
        reached = f"{finished['measure']} {finished['reached']:.4f} on the validation split"
        return f"{home / 'card.yaml'}: trained before, {reached}"

    curves = Curves(Path(os.environ.get("LBAR_RUNS", "runs")), parsed.name, embedding_key(said), _params(said))

    def tell(epoch: "Epoch") -> None:
        heard(f"{parsed.name}: {epoch}")
        metrics = {"loss": epoch.loss, "validation_mAP_at_10": epoch.reached, "learning_rate": epoch.rate}
        if warning := curves.try_log(epoch.number, metrics):
            heard(warning)

    measured = validation.measure(tokenizer)
    fitting = Fitting(model, tokenizer, config, parsed.temperature, data, teachers, measured, tell, progress)
    # Of several processes that train together one writes.
    writes = os.environ.get("RANK", "0") == "0"
    with exclusive(home / ".lock", "a training", "LBAR_WEIGHTS") if writes else nullcontext():
        if writes:
            _refuse_change(home / "epochs", said)
        fitted = fit(fitting, home / "epochs", device=where, precision=precision)
        reached = f"{validation.name} {fitted.best.reached:.4f} on the validation split, in epoch {fitted.best.number}"
        if not writes:
            return f"{home / 'card.yaml'}: {reached}"
        best = torch.load(fitted.weights, map_location="cpu", weights_only=True, mmap=True)
        model.load_state_dict({key.removeprefix("model."): tensor for key, tensor in best["state_dict"].items()})
        write_weights(model.cpu(), home / weights)
        record = {
            "said": said,
            "key": curves.key,
            "measure": validation.name,
            "reached": fitted.best.reached,
            "epoch": fitted.best.number,
            "epochs": [asdict(epoch) for epoch in fitted.epochs],
            "leaks": {"what": config.leaks} | lessons.to_json(),
            "teachers": [{"name": one.name, "digest": one.digest, "bytes": one.nbytes} for one in teachers],
            "packages": {name: version(name) for name in ("lightning", "numpy", "torch", "transformers")},
        }
        path = export(home, _written(parsed, config, model, home, weights, tokenizer_folder), record)
        shutil.rmtree(home / "epochs")
    return f"{path}: {reached}"


def _located(config: TrainingConfig, folder: Path) -> TrainingConfig:
    """The same with paths from the working directory."""
    teachers = tuple(located(teacher, folder) for teacher in config.teachers)
    return config.model_copy(update={"teachers": teachers, "start": located(config.start, folder)})


def _seen_from(config: TrainingConfig, home: Path) -> TrainingConfig:
    """The same with paths from a folder."""

    def seen(name: str) -> str:
        return relpath(Path(name).resolve(), home.resolve()) if is_card(name) else name

    return config.model_copy(update={"teachers": tuple(map(seen, config.teachers)), "start": seen(config.start)})


def _written(
    card: DualEncoderCard, config: TrainingConfig, model: DualEncoder, home: Path, weights: str, tokenizer: Path
) -> dict[str, object]:
    """The card of what was trained: the same, with files and paths as they are from its own folder."""
    files = {
        "weights": CardFile(path=weights, origin=f"`lbar train {card.name}` makes it"),
        "tokenizer": CardFile(path=relpath(tokenizer.resolve(), home.resolve())),
    }
    parameters = sum(weight.numel() for weight in model.parameters())
    changes = {"files": files, "training": _seen_from(config, home), "random_weights": None, "parameters": parameters}
    return card.model_copy(update=changes).model_dump(mode="json", exclude_unset=True)


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


def _refuse_change(folder: Path, said: Mapping[str, object]) -> None:
    """Remember what a training is of; refuse to go on with another.

    Raises:
        UserError: epochs of another training are in the folder, or it cannot be written.
    """
    before = _read(folder / "said.json")
    if before != said and (folder / "last.ckpt").exists():
        changed = [key for key, value in said.items() if before.get(key) != value]
        raise UserError(
            f"{folder} holds epochs of a training that was stopped, and since then its {', '.join(changed)} changed; "
            "undo that, or delete the folder to begin again"
        )
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / ".said.unfinished"
    unfinished.write_text(json.dumps(said, indent=2) + "\n")
    unfinished.replace(folder / "said.json")


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
