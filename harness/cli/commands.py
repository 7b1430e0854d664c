"""The commands that `systems`, `leaderboard` and other distributions add to `lbar`."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from harness.cli.printing import say
from harness.errors import one_line
from harness.machine import entry_points

GROUP = "lbar.commands"
"""Entry point group by which other distributions add a command, or a group of commands."""

_COMPANIONS = {
    "board": "leaderboard.cli.board:board",
    "compare": "leaderboard.cli.compare:compare",
    "correspondences": "systems.training.teachers.cli:correspondences",
    "gate": "leaderboard.cli.gate:gate",
    "listen": "leaderboard.cli.listen:listen",
    "mlflow": "leaderboard.cli.mlflow:mlflow",
    "results": "leaderboard.cli.results:results",
    "train": "systems.training.cli:train",
}
"""Addresses of the commands of `systems` and `leaderboard`, neither of which the harness imports."""


def companion(name: str) -> Any:
    """The command of `systems` or `leaderboard` with this name: a function, or a group of commands."""
    module, _, attribute = _COMPANIONS[name].partition(":")
    return getattr(import_module(module), attribute)


def added_commands() -> Iterator[tuple[str, Any]]:
    """Name and command of each command that is added to the harness's own.

    A command of another distribution that cannot be imported is left out with one line on standard error, so that a
    broken package does not take the other commands with it.
    """
    for name in _COMPANIONS:
        yield name, companion(name)
    for entry in entry_points(group=GROUP):
        try:
            command = entry.load()
        except Exception as error:
            say(f"lbar: command {entry.name!r} of {entry.value} is left out: {one_line(error)}")
            continue
        yield entry.name, command
