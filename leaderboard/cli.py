"""`lbar board`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli_options import AsJson, Runs, print_json
from harness.protocols import get_protocol


class Format(StrEnum):
    """How the board is printed."""

    table = "table"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"


class Cost(StrEnum):
    """What quality is drawn against."""

    parameters = "parameters"
    throughput = "throughput"
    gflops = "gflops"


def board(
    out: Runs = Path("runs"),
    protocol: Annotated[list[str] | None, typer.Option("--protocol", help="Only this one; repeatable.")] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", help="A measure, system, parameters, clips/s, query p95 or date.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only what has this in its name, stage or training data; repeatable."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Put what others reported for a protocol beside it.")
    ] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Read from MLflow instead of the run folders.")] = False,
    format: Annotated[Format, typer.Option("--format", help="How it is printed.")] = Format.table,  # noqa: A002
    as_json: AsJson = False,
) -> None:
    """Show the leaderboard.

    Every system's newest run, one table per protocol, with 95 % intervals over clips.
    """
    from leaderboard import entries, export
    from leaderboard.sources import board_from
    from leaderboard.table import render, to_json

    found = board_from(out, mlflow=mlflow).only([get_protocol(name).name for name in protocol or ()])
    standings = [
        entries.only(entries.sort(standing, sort or standing.protocol.primary), only or ())
        for standing in entries.standings(found, reported=published)
    ]
    if as_json:
        print_json(to_json(standings, found.set_aside))
    elif format is not Format.table:
        writers = {Format.csv: export.to_csv, Format.markdown: export.to_markdown, Format.latex: export.to_latex}
        typer.echo(writers[format](standings).rstrip("\n"))
    else:
        from rich.console import Console

        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 100
        if standings or found.set_aside:
            console.print(render(standings, found.set_aside, console.width))
        else:
            line = f"no runs in {out}; `lbar eval SYSTEM --protocol NAME` makes one"
            console.print(line, soft_wrap=True, markup=False)
