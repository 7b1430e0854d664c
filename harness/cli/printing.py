"""How commands print: lines for people on standard error, tables and JSON documents on standard output.

Names and captions may be anybody's: whatever is printed goes through here, so that nothing in them steers the terminal.
"""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import typer

from harness.errors import UserError, first_few
from harness.machine import visible, visible_json

if TYPE_CHECKING:
    from rich.console import RenderableType


def echo(text: str) -> None:
    """Print text on standard output."""
    typer.echo(visible(text))


_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EPIPE)


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    typer.echo(visible_json(json.dumps(document, ensure_ascii=False, indent=2)))


def show(render: "Callable[[int], RenderableType]") -> None:
    """Print what rich lays out on standard output.

    Args:
        render: makes it for a width, which is the terminal's, and 100 where standard output is none.
    """
    from rich.console import Console
    from rich.segment import Segment, Segments

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    laid_out = console.render(render(console.width))
    console.print(Segments(one if one.control else Segment(visible(one.text), one.style) for one in laid_out))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, each as wide as its widest cell; an empty header is left out."""
    lines = [[" ".join(visible(cell).split("\n")) for cell in row] for row in ([header, *rows] if header else rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))] if lines else []
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def say(line: str) -> None:
    """Print a line on standard error, where it does not mix with what the command answers.

    Where nobody can read it, the work goes on.
    """
    try:
        sys.stderr.write(f"{visible(line)}\n")
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


def show_error(error: UserError, subject: str = "lbar", *, brief: bool = False) -> None:
    """Print an error that the person can mend, and indented below it the problems it lists.

    Args:
        error: what is wrong.
        subject: what it is wrong with, such as a system's name; the line begins with it.
        brief: print the first five problems, and that `--json` lists all, unless the error is to be told whole;
            otherwise the first thousand.
    """
    say(f"{subject}: {error}")
    few = brief and not error.whole
    for problem in first_few(error.problems) if few else first_few(error.problems, "mend these first", few=1000):
        say(f"  {problem}")


def end_with(failures: Mapping[str, UserError]) -> None:
    """Print what went wrong with each of several systems, by name, and end the command with exit code 2 if any did."""
    for name, error in failures.items():
        show_error(error, "lbar" if str(error).startswith(name) else name)
    if failures:
        raise typer.Exit(2)
