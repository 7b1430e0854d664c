"""The paper's two stages, from a card to a trained dual encoder in a folder of its own."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import say
from harness.errors import UserError
from harness.interface import (
    CardFile,
    common_part,
    located,
    named_from,
    parse_card,
    read_card,
    required_file,
    trained_without,
)
from harness.machine import (
    Progress,
    embedding_key,
    exclusive,
    read_json,
    require_undamaged,
    resolve,
    silent,
    write_text,
)
from harness.runs import Curves
from systems.checkpoints import read_checkpoint, weights_digest, write_weights
from systems.dual_encoder import DualEncoder, DualEncoderCard, TrainingConfig
from systems.text import CaptionTokenizer
from systems.training.data.decoding import LeftOut, to_json
from systems.training.data.loading import TrainingData, load_training_data
from systems.training.data.training_set import TrainingSet, load_split
from systems.training.export import clear_unfinished, export, remove
from systems.training.fitting.validation import Validation
from systems.training.start import start_of, temperature_of
from systems.training.teachers.correspondences import Teacher, teach

if TYPE_CHECKING:
    from systems.training.fitting.fit import Fitted
    from systems.training.fitting.module import Epoch, Fitting

_DECISIVE = {"audio", "windows", "text", "shared", "temperature", "training"}
"""The fields of a card that decide the weights."""

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Training:
    """A training before its first step: the model has the weights it starts from.

    In `config` the paths of other systems go from the working directory; `home` receives the trained system.
    """

    card: DualEncoderCard
    config: TrainingConfig
    home: Path
    tokenizer_folder: Path
    tokenizer: CaptionTokenizer
    data: TrainingData
    validation: Validation
    teachers: tuple[Teacher, ...]
    model: DualEncoder

    @property
    def broken(self) -> tuple[LeftOut, ...]:
        """What was left out for being broken, of what is trained on and of what chooses the checkpoint."""
        return (*self.data.broken, *self.validation.broken)

    @property
    def measure(self) -> str:
        """The name of what chooses the epoch."""
        return "mAP of tags" if self.config.objective == "towers" else self.validation.name

    @property
    def temperature(self) -> float:
        """The temperature before the first step."""
        return temperature_of(self.card, self.config)

    @property
    def weights(self) -> Path:
        """The file of the trained weights."""
        return self.home / f"{self.card.name}.safetensors"

    def decisive(self, precision: str) -> dict[str, object]:
        """Everything that decides the trained weights, as JSON has it; to be called before the first step."""
        data, uses = self.data.training_set, self.card.uses
        return {
            "card": self.card.model_dump(
                mode="json", include=_DECISIVE | ({"metadata"} if uses else set()), exclude=self.card.unsaid()
            ),
            "data": [
                data.captions_digest,
                data.audio_digest,
                *([embedding_key(data.metadata(uses))] if uses else []),
                *([embedding_key(data.extra)] if data.extra else []),
            ],
            "validation": self.validation.digest,
            "tokenizer": self.tokenizer.digest,
            "start": weights_digest(self.model),
            "teachers": [teacher.digest for teacher in self.teachers],
            "precision": precision,
            **({"temperature": self.temperature} if self.config.temperature == "trained" else {}),
        }


def train_dual_encoder(
    card: Mapping[str, object],
    folder: Path,
    out: Path,
    data_root: Path,
    progress: Progress = silent,
    *,
    device: str = "auto",
    precision: str = "fp32",
    skip_broken: bool = False,
    say: Say = say,
) -> str:
    """Train a dual encoder as its card's section `training:` says.

    Writes `out/<name>/{card.yaml,<name>.safetensors,training.json}`. A training that was stopped goes on after its last
    finished epoch; one that is finished is not done again.

    Args:
        card: as `read_card` returns it.
        folder: the card's.
        out: folder that receives the system's folder.
        data_root: folder with the data sets.
        progress: opened for decoding, for the teachers' embeddings, and for each epoch.
        device: the name PyTorch gives it, or `auto`.
        precision: `fp32`, `bf16` or `fp16`.
        skip_broken: train without broken clips, and say so in the record and the card; otherwise they are an error.
        say: receives a line per epoch; by default the lines go to standard error.

    Returns:
        A line that names the written card and says what it reaches on the validation split.

    Raises:
        UserError: the card does not fit, files, data or teachers are missing, the card was changed since the training
            began, or the training fails.
    """
    from systems.training.fitting.fit import PRECISIONS, fit

    parsed = parse_card(DualEncoderCard, card)
    where = resolve(device)
    if precision not in PRECISIONS or (precision, where) == ("fp16", "cpu"):
        raise UserError(f"{where} does not train in {precision!r}; expected {', '.join(PRECISIONS)}, fp16 not on a CPU")
    training = _prepared(parsed, folder, out, data_root, progress, where, say, skip_broken=skip_broken)
    decisive = training.decisive(precision)
    epochs = training.home / "epochs"
    if line_before := _trained_before(training, decisive, say):
        if _read(epochs / "said.json") == decisive:
            # They are left of a process that was killed when it had just written the card.
            remove(epochs)
        clear_unfinished(training.home)
        return line_before
    curves = Curves(Path(os.environ.get("LBAR_RUNS", "runs")), parsed.name, embedding_key(decisive), _params(decisive))
    fitting = _fitting(training, curves, progress, say)
    # Of several processes that train together, the first one writes.
    writes = os.environ.get("RANK", "0") == "0"
    with exclusive(training.home / ".lock", "a training", "LBAR_WEIGHTS") if writes else nullcontext():
        if writes and (line_before := _trained_before(training, decisive, say)):
            return _alone(line_before)
        if writes:
            _refuse_change(epochs, decisive)
        fitted = fit(fitting, epochs, device=where, precision=precision)
        if writes:
            _write(training, fitted, decisive, curves.key)
            remove(epochs)
    reached = f"{training.measure} {fitted.best.reached:.4f} on the validation split"
    return f"{training.home / 'card.yaml'}: {reached}, in epoch {fitted.best.number}"


def _prepared(
    card: DualEncoderCard,
    folder: Path,
    out: Path,
    data_root: Path,
    progress: Progress,
    device: str,
    say: Say,
    *,
    skip_broken: bool,
) -> _Training:
    """Load everything that a training needs, and compute the teachers' embeddings."""
    if card.training is None:
        raise UserError(f"card {card.name!r} has no section `training:` that says how it is trained")
    config = card.training.with_parents(partial(located, folder=folder))
    tokenizer_folder = required_file(card.files, "tokenizer", folder, card.name)
    text = card.text
    tokenizer = CaptionTokenizer.read(tokenizer_folder, text.vocabulary, text.longest, text.normalised)
    data = load_training_data(config, data_root, progress, skip_broken=skip_broken)
    split = load_split(config.validation, "validation", data_root, progress)
    validation = Validation.of(split, progress, uses=card.uses, skip_broken=skip_broken)
    for line in (
        *data.notes(),
        *_on_metadata(card, data.training_set),
        *(f"trained {one}" for one in (*data.broken, *validation.broken)),
    ):
        say(f"{card.name}: {line}")
    teachers = teach(config.teachers, data.training_set, device=device, progress=progress)
    model = start_of(card, config, folder)
    return _Training(card, config, out / card.name, tokenizer_folder, tokenizer, data, validation, teachers, model)


def _on_metadata(card: DualEncoderCard, data: TrainingSet) -> list[str]:
    """A line on the training clips of which nothing is known beside their sound; none where something is of all."""
    without = sum(not any(one.values()) for one in data.metadata(card.uses)) if card.uses else 0
    return [f"{without:,} of {len(data.clips):,} training clips have no {card.uses[0]}"] if without else []


def _trained_before(training: _Training, decisive: Mapping[str, object], say: Say) -> str | None:
    """The line on a training that is finished; `None` where it is not, or where a file of it is missing or damaged."""
    record, card = _read(training.home / "training.json"), training.home / "card.yaml"
    if record.get("said") != decisive or not card.exists() or not training.weights.exists():
        return None
    try:
        require_undamaged(training.home / "training.json", "it is made anew")
        read_checkpoint(training.weights)
    except UserError as error:
        say(f"{training.card.name}: trained before, but {error}; trained again")
        return None
    # A card that was changed is named in a warning.
    read_card(str(card))
    return f"{card}: trained before, {record['measure']} {record['reached']:.4f} on the validation split"


def _alone(line: str) -> str:
    """The line on a training that another process has finished while this one waited for it.

    Raises:
        UserError: further processes take part, which would wait for this one without end; the error stops them.
    """
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(f"{line}: another process did so meanwhile, and nothing is left to do")
    return line


def _fitting(training: _Training, curves: Curves, progress: Progress, say: Say) -> "Fitting":
    """The training as lightning calls it; each epoch is reported in a line, and its figures are tracked."""
    from systems.training.data.tags import tags_of
    from systems.training.fitting.module import Fitting, Hooks
    from systems.training.fitting.towers import TowersFitting

    reached = f"validation_{training.measure.replace('@', '_at_').replace(' ', '_')}"

    def report(epoch: "Epoch") -> None:
        say(f"{training.card.name}: {epoch}")
        metrics = {"loss": epoch.loss, reached: epoch.reached, "learning_rate": epoch.rate}
        if warning := curves.try_log(epoch.number, metrics):
            say(warning)

    config, data = training.config, training.data.training_set
    images = training.validation.images(training.model)
    validate = training.validation.measure(training.tokenizer, images if config.keep_images else None)
    arguments = (
        training.model,
        training.tokenizer,
        config,
        training.temperature,
        data,
        training.teachers,
        Hooks(validate, report, progress),
    )
    if config.objective == "matching":
        return Fitting(*arguments)
    return TowersFitting(
        *arguments,
        tags=[tags for dataset in data.datasets for tags in tags_of(dataset)],
        validation_tags=tags_of(training.validation.dataset),
        validation_images=images,
    )


def _write(training: _Training, fitted: "Fitted", decisive: Mapping[str, object], key: str) -> None:
    """Write the weights of the best epoch, the record of the training, and the card."""
    model, best = training.model, fitted.best
    state = read_checkpoint(fitted.weights).state
    of_model = {name: tensor for name, tensor in state.items() if name.startswith("model.")}
    model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in of_model.items()})
    write_weights(model.cpu(), training.weights)
    learned = {"temperature": round(abs(float(state["temperature"])), 6)} if "temperature" in state else {}
    record = {
        "said": decisive,
        "key": key,
        "measure": training.measure,
        "reached": best.reached,
        "epoch": best.number,
        "epochs": [asdict(epoch) for epoch in fitted.epochs],
        "leaks": {"what": training.config.leaks} | training.data.to_json(),
        "broken": to_json(training.broken),
        "teachers": [{"name": one.name, "digest": one.digest, "bytes": one.nbytes} for one in training.teachers],
        "packages": {name: version(name) for name in ("lightning", "numpy", "torch", "transformers")},
    }
    export(training.home, _card_of(training) | learned, record | learned, written=[training.weights.name])


def _card_of(training: _Training) -> dict[str, object]:
    """The card of the trained system: the same, with files and paths as they are from its own folder."""
    card, home = training.card, training.home
    changes = {
        "files": {
            "weights": CardFile(path=training.weights.name, origin=f"`lbar train {card.name}` makes it"),
            "tokenizer": CardFile(path=relpath(training.tokenizer_folder.resolve(), home.resolve())),
        },
        "training": training.config.with_parents(partial(named_from, home)),
        "random_weights": None,
        "parameters": sum(weight.numel() for weight in training.model.parameters()),
        "trained_without": (*map(str, training.broken), *_inherited(training.config)),
        "trained_on": tuple(dict.fromkeys((*card.trained_on, *_splits_of_parents(training.config)))),
    }
    fields = card.model_copy(update=changes).model_dump(mode="json", exclude_unset=True)
    return {field: value for field, value in fields.items() if value or field not in ("trained_on", "trained_without")}


def _splits_of_parents(config: TrainingConfig) -> list[str]:
    """The splits, by name, that the systems were trained on which it starts from or is taught by."""
    names: list[str] = []
    for parent in config.parents:
        with suppress(UserError):
            names += [name for name in common_part(read_card(parent)[0]).trained_on if "/" in name]
    return names


def _inherited(config: TrainingConfig) -> list[str]:
    """What the systems that it starts from or is taught by were trained without."""
    lines: list[str] = []
    for parent in config.parents:
        # A system without a card does not say.
        with suppress(UserError):
            card = read_card(parent)[0]
            lines += [f"{card['name']} {line}" for line in trained_without(card)]
    return lines


def _refuse_change(folder: Path, decisive: Mapping[str, object]) -> None:
    """Write down what decides a training; refuse to go on with the epochs of another one.

    Raises:
        UserError: epochs of another training are in the folder, or it cannot be written.
    """
    before = _read(folder / "said.json")
    if before != decisive and (folder / "last.ckpt").exists():
        changed = [key for key, value in decisive.items() if before.get(key) != value]
        raise UserError(
            f"{folder} holds epochs of a training that was stopped, and since then its {', '.join(changed)} changed; "
            "undo that, or delete the folder to begin again"
        )
    write_text(folder / "said.json", json.dumps(decisive, indent=2) + "\n")


def _params(decisive: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """What decides a training, flat, with dotted names."""
    rows: dict[str, str] = {}
    for key, value in decisive.items():
        rows |= _params(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return rows


def _read(path: Path) -> dict[str, object]:
    """A JSON document; empty where there is none."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
