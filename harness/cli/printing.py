"""How commands print: lines for people on standard error, tables and JSON documents on standard output."""

import json
import sys
from collections.abc import Mapping, Sequence

import typer

from harness.errors import UserError

_MOST_SHOWN = 5


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, each as wide as its widest cell; an empty header is left out."""
    lines = [header, *rows] if header else rows
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))] if lines else []
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def say(line: str) -> None:
    """Print a line on standard error, where it does not mix with what the command answers."""
    sys.stderr.write(f"{line}\n")


def show_error(error: UserError, subject: str = "lbar") -> None:
    """Print an error that the person can mend, and indented below it the first problems it lists.

    Args:
        error: what is wrong.
        subject: what it is wrong with, such as a system's name; the line begins with it.
    """
    say(f"{subject}: {error}")
    for problem in error.problems[:_MOST_SHOWN]:
        say(f"  {problem}")
    if len(error.problems) > _MOST_SHOWN:
        say(f"  and {len(error.problems) - _MOST_SHOWN:,} more")


def end_with(failures: Mapping[str, UserError]) -> None:
    """Print what went wrong with each of several systems, by name, and end the command with exit code 2 if any did."""
    for name, error in failures.items():
        show_error(error, name)
    if failures:
        raise typer.Exit(2)
