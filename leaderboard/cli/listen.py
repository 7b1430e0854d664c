"""`lbar listen`."""

import sys
import webbrowser
from contextlib import redirect_stdout
from typing import Annotated

import typer

from harness.cli import Device


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
    device: Device = "auto",
) -> None:
    """Search recordings in words and hear the answers, on a page of this machine's own.

    It needs no network, and answers nobody but who has the address that it prints. End it by Ctrl-C.
    """
    from harness.machine import bars
    from leaderboard.listening import open_collection, search_page, serve

    with bars() as progress, redirect_stdout(sys.stderr):
        collection = open_collection(what, system or [], device=device, progress=progress)
    serve(search_page(collection), port, _tell)


def _tell(address: str) -> None:
    typer.echo(address)
    sys.stdout.flush()
    if sys.stdout.isatty():
        webbrowser.open(address)
