"""`lbar board`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli_options import AsJson, Runs, print_json
from harness.protocols import get_protocol


def board(
    out: Runs = Path("runs"),
    protocol: Annotated[list[str] | None, typer.Option("--protocol", help="Only this one; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the leaderboard.

    Every system's newest run, one table per protocol, with 95 % intervals over clips.
    """
    from rich.console import Console

    from leaderboard.runs import Board, collect
    from leaderboard.table import render, to_json

    wanted = {get_protocol(name).name for name in protocol or ()}
    found = collect(out)
    if wanted:
        found = Board(
            tuple(row for row in found.rows if row.record.protocol.name in wanted),
            tuple(run for run in found.set_aside if run.record and run.record.protocol.name in wanted),
        )
    if as_json:
        print_json(to_json(found))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    if found.rows or found.set_aside:
        console.print(render(found, console.width))
    else:
        console.print(f"no runs in {out}; `lbar eval SYSTEM --protocol NAME` makes one", soft_wrap=True, markup=False)
