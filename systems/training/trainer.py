"""The trainer of a system: the function that its card's line `trainer:` names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from harness.errors import UserError
from harness.evaluation import own_device
from harness.interface import import_named, options_of, read_card
from harness.machine import Progress, silent

Trainer = Callable[[Path, Path, Progress], str]
"""Takes the folder that receives the system's folder, the data root, and what shows progress; returns a line on the
result."""


def trainer_of(
    name: str,
    *,
    device: str = "auto",
    precision: str = "fp32",
    seed: int | None = None,
    skip_broken: bool = False,
) -> Trainer:
    """The trainer of a card, by its registered name or its path (`*.yaml`); see `trainer_for`.

    Raises:
        UserError: there is no such card, it has no trainer, or a seed is given and it has no section `training:`.
    """
    card, folder = read_card(name)
    card = seeded(card, seed, name)
    return trainer_for(card, folder, name, device=device, precision=precision, skip_broken=skip_broken)


def seeded(card: dict[str, object], seed: int | None, name: str) -> dict[str, object]:
    """The card with this seed of everything drawn at random; with its own where none is given.

    Raises:
        UserError: the card has no section `training:`.
    """
    training = card.get("training")
    if seed is None:
        return card
    if not isinstance(training, dict):
        raise UserError(f"{name} has no section `training:`, so that a seed decides nothing; leave --seed out")
    return card | {"training": training | {"seed": seed}}


def trainer_for(
    card: Mapping[str, object],
    folder: Path,
    name: str,
    *,
    device: str = "auto",
    precision: str = "fp32",
    skip_broken: bool = False,
) -> Trainer:
    """The trainer of a card that has been read.

    Args:
        card: its line `trainer: package.module:function` names a function that takes the card as a dictionary, the
            folder the card lies in, and what a `Trainer` takes. Of `device`, `precision` and `skip_broken` the
            function gets those that are among its parameters.
        folder: the card's.
        name: how the user named the card, for messages.
        device: the name PyTorch gives it, or `auto`.
        precision: `fp32`, `bf16` or `fp16`.
        skip_broken: train without broken clips.

    Raises:
        UserError: the card has no trainer, or one that does not train in this precision or without broken clips.
    """
    if not isinstance(card.get("trainer"), str):
        raise UserError(f"{name} cannot be trained: its card has no line `trainer: package.module:function`")
    function = import_named(str(card["trainer"]), named_by=name)
    options = {"device": device, "precision": precision, "skip_broken": skip_broken}
    taken = {option: value for option, value in options.items() if option in options_of(function)}
    if precision != "fp32" and "precision" not in taken:
        raise UserError(f"{name} is trained in one precision only; leave --precision {precision} out")
    if skip_broken and "skip_broken" not in taken:
        raise UserError(
            f"{name} has a trainer that does not leave out broken clips; mend them instead of --skip-broken"
        )
    return cast(Trainer, partial(function, card, folder, **taken))


@dataclass(frozen=True)
class Training:
    """One training, in a form that can be sent to a worker.

    Attributes:
        card: the card that has been read.
        folder: the card's.
        name: how the user named the card, for messages.
        out: folder that receives the system's folder.
        data_root: folder with the data sets.
        device: the name PyTorch gives it, or `auto`; one for each worker with commas between.
        precision: `fp32`, `bf16` or `fp16`.
        skip_broken: train without broken clips.
    """

    card: Mapping[str, object]
    folder: Path
    name: str
    out: Path
    data_root: Path
    device: str = "auto"
    precision: str = "fp32"
    skip_broken: bool = False

    def trainer(self, device: str) -> Trainer:
        """What trains it on a device; see `trainer_for`."""
        options = {"device": device, "precision": self.precision}
        return trainer_for(self.card, self.folder, self.name, **options, skip_broken=self.skip_broken)


def trained(training: Training, progress: Progress = silent) -> str:
    """Train, on the worker's own device where this is a worker, and return a line on the result.

    Raises:
        UserError: as `trainer_for` and the trainer itself.
    """
    return training.trainer(own_device(training.device))(training.out, training.data_root, progress)
