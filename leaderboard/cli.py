"""`lbar board`."""

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from harness.protocols import get_protocol


def board(
    out: Annotated[Path, typer.Option("--out", "--runs", help="Folder of run folders.")] = Path("runs"),
    protocol: Annotated[list[str] | None, typer.Option("--protocol", help="Only this one; repeatable.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the leaderboard: every system's newest run, one table per protocol, with 95 % intervals."""
    from rich.console import Console

    from leaderboard.runs import Board, collect
    from leaderboard.table import as_json, render

    wanted = {get_protocol(name).name for name in protocol or ()}
    found = collect(out)
    if wanted:
        found = Board(
            tuple(row for row in found.rows if row.record.protocol.name in wanted),
            tuple(run for run in found.set_aside if run.record and run.record.protocol.name in wanted),
        )
    if json:
        typer.echo(dumps(as_json(found), indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    if found.rows or found.set_aside:
        console.print(render(found, console.width))
    else:
        console.print(f"no runs in {out}; `lbar eval SYSTEM --protocol NAME` makes one", soft_wrap=True, markup=False)
