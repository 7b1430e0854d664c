"""How commands print: lines for people on standard error, tables and JSON documents on standard output."""

import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

import typer

from harness.errors import UserError

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EPIPE)


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
    """Print a line on standard error, where it does not mix with what the command answers.

    Where nobody can read it, the work goes on.
    """
    try:
        sys.stderr.write(f"{line}\n")
    except OSError:
        _discard(sys.stderr)


@contextmanager
def written_out() -> Iterator[None]:
    """See to it that what is printed in the block arrives: where it cannot, that is a line and exit code 2.

    Where the reader of a pipe has seen enough, the code is 1.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        # Where a file cannot be written, the error names it.
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        _discard(sys.stdout)
        if error.errno == errno.EPIPE:
            raise SystemExit(1) from None
        reason = error.strerror or str(error)
        say(f"lbar: the output cannot be written: {reason}; make room there, or write it elsewhere")
        raise SystemExit(2) from None


def _discard(stream: TextIO) -> None:
    """Let what is printed there vanish, also what Python tries to write at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def show_error(error: UserError, subject: str = "lbar") -> None:
    """Print an error that the person can mend, and indented below it all problems it lists.

    Args:
        error: what is wrong.
        subject: what it is wrong with, such as a system's name; the line begins with it.
    """
    say(f"{subject}: {error}")
    for problem in error.problems:
        say(f"  {problem}")


def end_with(failures: Mapping[str, UserError]) -> None:
    """Print what went wrong with each of several systems, by name, and end the command with exit code 2 if any did."""
    for name, error in failures.items():
        show_error(error, name)
    if failures:
        raise typer.Exit(2)
