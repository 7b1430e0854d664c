"""What trains a card: the function its line `trainer:` names."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from harness.cards import read_card
from harness.errors import UserError
from harness.progress import Progress
from harness.registry import import_named

Trainer = Callable[[Path, Path, Progress], str]
"""Trains into a folder, from a data root, telling of its progress; returns a line that says what came of it."""


def trainer_of(name: str) -> Trainer:
    """The trainer of a card.

    Args:
        name: a registered system, or a card's path (`*.yaml`). Its line `trainer: package.module:function` names a
            function that takes the card as a dictionary, the folder it lies in, and what a `Trainer` takes.

    Raises:
        UserError: there is no such card, or nothing trains it.
    """
    card, folder = read_card(name)
    if not isinstance(card.get("trainer"), str):
        raise UserError(f"{name} cannot be trained: its card has no line `trainer: package.module:function`")
    return cast(Trainer, partial(import_named(str(card["trainer"]), said_by=name), card, folder))
