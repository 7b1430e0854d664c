"""`lbar board`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import AsJson, DataRoot, ProtocolNames, Runs, echo, print_json, say, show
from harness.errors import UserError
from leaderboard.board import axis_names

if TYPE_CHECKING:
    from leaderboard.board import Standing
    from leaderboard.runs import Board


class Format(StrEnum):
    """The formats in which the board is printed."""

    table = "table"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"


def board(
    out: Runs = Path("runs"),
    protocol: ProtocolNames = None,
    sort: Annotated[
        str | None, typer.Option("--sort", help="A measure, system, parameters, clips/s, query p95 or date.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only systems with this text in name, stage or training data; repeatable."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Add the results that others published for a protocol.")
    ] = False,
    results: Annotated[
        bool, typer.Option("--results", help="Add the results that groups have handed in, which come with lbar.")
    ] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Read from MLflow instead of the run folders.")] = False,
    format: Annotated[Format, typer.Option("--format", help="How it is printed.")] = Format.table,  # noqa: A002
    percent: Annotated[bool, typer.Option("--percent", help="Measures in per cent, in Markdown and LaTeX.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page that opens from disk into this folder.")
    ] = None,
    data_root: DataRoot = Path("data"),
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw quality against cost into this file (.svg, .pdf, .png).")
    ] = None,
    against: Annotated[
        str, typer.Option("--against", help=f"The cost that is drawn: {', '.join(axis_names())}.")
    ] = axis_names()[0],
    as_json: AsJson = False,
) -> None:
    """Show the leaderboard.

    Every system's newest run, one table per protocol, with 95 % intervals over clips.
    """
    if percent and (as_json or format not in (Format.markdown, Format.latex)):
        raise UserError("--percent is for tables that are printed: add --format markdown or --format latex")
    from leaderboard.board import matching, measured, sort_all, standings, to_csv, to_json, to_latex, to_markdown
    from leaderboard.results import RESULTS
    from leaderboard.runs import board_from, protocol_named

    everything_found = board_from(out, *([RESULTS] if results else []), mlflow=mlflow)
    asked = [protocol_named(name, everything_found) for name in protocol or ()]
    found = everything_found.only(asked)
    everything = standings(found, reported=published or html is not None)
    shown = everything if published else [measured(standing) for standing in everything]
    if sort:
        shown = sort_all(shown, sort)
    shown = [matching(standing, only or ()) for standing in shown]
    if html:
        _write_page(everything, found, html, data_root)
    if plot:
        _draw(shown, against, plot)
    if as_json:
        print_json(to_json(shown, found.set_aside))
    elif format is not Format.table:
        writers = {Format.markdown: to_markdown, Format.latex: to_latex}
        text = to_csv(shown) if format is Format.csv else writers[format](shown, percent=percent)
        echo(text.rstrip("\n"))
    else:
        if shown or found.set_aside:
            _print_table(shown, found)
        else:
            rules = f" by {', '.join(asked)}" if asked else ""
            name = asked[0] if asked else "NAME"
            echo(f"no runs{rules} in {out}; `lbar eval SYSTEM --protocol {name}` makes one")
        if published:
            _print_published(asked, {standing.protocol.name for standing in everything})


def _print_table(standings: "list[Standing]", found: "Board") -> None:
    from leaderboard.board import render

    show(lambda width: render(standings, found.set_aside, width))


def _print_published(asked: list[str], measured: set[str]) -> None:
    """Print what others published for the protocols, by which no run is shown beside it."""
    from harness.protocols import get_protocol
    from leaderboard.board import render_published
    from leaderboard.runs import published

    for name in dict.fromkeys(result.protocol for result in published()):
        if name not in measured and (name in asked or not asked):
            show(lambda _, name=name: render_published(get_protocol(name)))  # type: ignore[misc]


def _draw(standings: "list[Standing]", against: str, path: Path) -> None:
    from leaderboard.board import draw, get_axis

    if len(standings) != 1:
        names = ", ".join(standing.protocol.name for standing in standings) or "none"
        raise UserError(f"a plot is of one protocol and there are {len(standings)} ({names}); name one with --protocol")
    draw(standings[0], get_axis(against), path)


def _write_page(standings: "list[Standing]", found: "Board", site: Path, data_root: Path) -> None:
    """Write all standings: the page itself sorts, filters and leaves out."""
    from harness.machine import bars
    from leaderboard.report import build

    with bars() as progress:
        problems = build(standings, found.set_aside, site, data_root, progress=progress)
    for line in problems:
        say(line)
    say(f"{site / 'index.html'}: open it in a browser")
