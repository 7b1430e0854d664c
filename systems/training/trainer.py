"""What trains a card: the function its line `trainer:` names."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

from harness.errors import UserError
from harness.interface import import_named, options_of, read_card
from harness.machine import Progress

Trainer = Callable[[Path, Path, Progress], str]
"""Trains into a folder, from a data root, telling of its progress; returns a line that says what came of it."""


def trainer_of(name: str, *, device: str = "auto", precision: str = "fp32", seed: int | None = None) -> Trainer:
    """The trainer of a card, by its registered name or its path (`*.yaml`); see `trainer_for`.

    Raises:
        UserError: there is no such card, nothing trains it, or its training draws nothing that a seed could decide.
    """
    card, folder = read_card(name)
    if seed is not None:
        training = card.get("training")
        if not isinstance(training, dict):
            raise UserError(f"{name} has no section `training:`, so that a seed decides nothing; leave --seed out")
        card = card | {"training": training | {"seed": seed}}
    return trainer_for(card, folder, name, device=device, precision=precision)


def trainer_for(
    card: Mapping[str, object], folder: Path, said_by: str, *, device: str = "auto", precision: str = "fp32"
) -> Trainer:
    """The trainer of what a card says.

    Args:
        card: its line `trainer: package.module:function` names a function that takes the card as a dictionary, the
            folder it lies in, and what a `Trainer` takes; of `device` and `precision` it gets those that are among
            its parameters.
        folder: the card's.
        said_by: the card's name, for messages.
        device: in torch's words, or `auto`.
        precision: `fp32`, `bf16` or `fp16`.

    Raises:
        UserError: nothing trains it, or not in this precision.
    """
    if not isinstance(card.get("trainer"), str):
        raise UserError(f"{said_by} cannot be trained: its card has no line `trainer: package.module:function`")
    function = import_named(str(card["trainer"]), said_by=said_by)
    options = {"device": device, "precision": precision}
    taken = {option: value for option, value in options.items() if option in options_of(function)}
    if precision != "fp32" and "precision" not in taken:
        raise UserError(f"{said_by} is trained in one precision only; leave --precision {precision} out")
    return cast(Trainer, partial(function, card, folder, **taken))
