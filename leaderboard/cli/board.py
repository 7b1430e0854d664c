"""`lbar board`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import AsJson, DataRoot, Runs
from harness.cli.printing import print_json
from harness.errors import UserError
from harness.protocols.named import get_protocol

if TYPE_CHECKING:
    from leaderboard.board.entries import Standing
    from leaderboard.runs.collecting import Board


class Format(StrEnum):
    """How the board is printed."""

    table = "table"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"


class Against(StrEnum):
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
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page that opens from disk into this folder.")
    ] = None,
    data_root: DataRoot = Path("data"),
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw quality against cost into this file (.svg, .pdf, .png).")
    ] = None,
    against: Annotated[Against, typer.Option("--against", help="The cost that is drawn.")] = Against.parameters,
    as_json: AsJson = False,
) -> None:
    """Show the leaderboard.

    Every system's newest run, one table per protocol, with 95 % intervals over clips.
    """
    from leaderboard.board import entries, export
    from leaderboard.board.table import render, to_json
    from leaderboard.runs.collecting import board_from

    found = board_from(out, mlflow=mlflow).only([get_protocol(name).name for name in protocol or ()])
    everything = entries.standings(found, reported=published or html is not None)
    standings = everything if published else [entries.measured(standing) for standing in everything]
    if sort:
        standings = entries.sort_all(standings, sort)
    standings = [entries.only(standing, only or ()) for standing in standings]
    if html:
        _write_page(everything, found, html, data_root)
    if plot:
        _draw(standings, against, plot)
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


def _draw(standings: "list[Standing]", against: Against, path: Path) -> None:
    from leaderboard.board.pareto import COSTS, draw

    if len(standings) != 1:
        names = ", ".join(standing.protocol.name for standing in standings) or "none"
        raise UserError(f"a plot is of one protocol and there are {len(standings)} ({names}); name one with --protocol")
    draw(standings[0], COSTS[against.value], path)


def _write_page(standings: "list[Standing]", found: "Board", site: Path, data_root: Path) -> None:
    """The page has everything: who reads it sorts, filters and leaves out there."""
    from harness.machine.progress import bars
    from leaderboard.report.site import build

    with bars() as progress:
        problems = build(standings, found.set_aside, site, data_root, progress=progress)
    for line in problems:
        typer.echo(line, err=True)
    typer.echo(f"{site / 'index.html'}: open it in a browser", err=True)
