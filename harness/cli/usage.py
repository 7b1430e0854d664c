"""What is wrong with the words of a command line, in one line with what was most likely meant."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from harness.errors import UserError, meant, nearest

# Typer's own or click's, as its version has it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def named_command(group: Any, words: Sequence[str]) -> tuple[str, Any]:
    """The command that these words name, as far as they do, and how it is called: `lbar data verify`."""
    path, command = ["lbar"], group
    for word in words:
        if word in getattr(command, "commands", {}):
            path, command = [*path, word], command.commands[word]
    return " ".join(path), command


@contextmanager
def usage_told(group: Any, words: Sequence[str]) -> Iterator[None]:
    """Turn what typer says of a wrong command, option or value, with a usage around it, into one line."""
    try:
        yield
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        path, command = named_command(group, words)
        said = _said(error, command, words)
        raise UserError(f"{said}{' ' if said.endswith('?') else '; '}`{path} --help` tells what there is") from None


def _said(error: Any, command: Any, words: Sequence[str]) -> str:
    said = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    if hasattr(error, "possibilities") and hasattr(error, "option_name"):
        # Of `-protocol` the parser names the first letter only.
        begun = (word.partition("=")[0] for word in words if word.startswith(error.option_name))
        wrong = next(begun, error.option_name)
        near = nearest(wrong, [name for option in command.params for name in option.opts if name.startswith("-")])
        return f"No such option {wrong!r}" + (f"; did you mean {near!r}?" if near else "")
    if choice := re.search(r"'([^']*)' is not one of (.*)", said):
        known = re.findall(r"'([^']*)'", choice[2])
        return f"{said[: choice.start()]}{choice[1]!r}; {meant(choice[1], known)}"
    return str(said)
