"""What trains a card: the function its line `trainer:` names."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from harness.cards import read_card
from harness.errors import UserError
from harness.progress import Progress
from harness.registry import import_named, options_of

Trainer = Callable[[Path, Path, Progress], str]
"""Trains into a folder, from a data root, telling of its progress; returns a line that says what came of it."""


def trainer_of(name: str, *, device: str = "auto", precision: str = "fp32") -> Trainer:
    """The trainer of a card.

    Args:
        name: a registered system, or a card's path (`*.yaml`). Its line `trainer: package.module:function` names a
            function that takes the card as a dictionary, the folder it lies in, and what a `Trainer` takes; of
            `device` and `precision` it gets those that are among its parameters.
        device: in torch's words, or `auto`.
        precision: `fp32`, `bf16` or `fp16`.

    Raises:
        UserError: there is no such card, or nothing trains it.
    """
    card, folder = read_card(name)
    if not isinstance(card.get("trainer"), str):
        raise UserError(f"{name} cannot be trained: its card has no line `trainer: package.module:function`")
    function = import_named(str(card["trainer"]), said_by=name)
    options = {"device": device, "precision": precision}
    taken = {option: value for option, value in options.items() if option in options_of(function)}
    if precision != "fp32" and "precision" not in taken:
        raise UserError(f"{name} is trained in one precision only; leave --precision {precision} out")
    return cast(Trainer, partial(function, card, folder, **taken))
