"""`lbar listen`."""

import sys
import webbrowser
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import DataRoot, Device, Runs, echo


def listen(
    what: Annotated[
        str, typer.Argument(help="An index of sounds, a folder with recordings, or everyday, the bundled benchmark.")
    ] = "everyday",
    system: Annotated[
        list[str] | None, typer.Option("--system", help="Which system answers; repeatable, to have two side by side.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of this machine; by default one that is free.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option("--run", help="Instead hear what a run ranked; of several, vote blindly. Repeatable."),
    ] = None,
    out: Runs = Path("runs"),
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
) -> None:
    """Search recordings in words and hear the answers, on a page of this machine's own.

    It needs no network, and answers nobody but who has the address that it prints. End it by Ctrl-C.

    With --run it plays an evaluation's queries. Votes are kept in a CSV file beside the run.
    """
    from harness.machine import bars
    from leaderboard.listening import blind_page, open_collection, search_page, serve
    from leaderboard.runs import find_rows

    if run:
        serve(blind_page(find_rows(run, out), data_root), port, _tell)
        return
    with bars() as progress, redirect_stdout(sys.stderr):
        collection = open_collection(what, system or [], device=device, progress=progress)
    serve(search_page(collection), port, _tell)


def _tell(address: str) -> None:
    echo(address)
    sys.stdout.flush()
    if sys.stdout.isatty():
        webbrowser.open(address)
