"""`lbar mlflow`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import DataRoot, ProtocolNames, Runs, Trust, echo, say
from harness.errors import UserError

mlflow = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Look at runs in MLflow, or register a protocol's best system there.",
)

_GRACE_SECONDS = 5


@mlflow.callback()
def look(
    context: typer.Context,
    out: Runs = Path("runs"),
    port: Annotated[int, typer.Option("--port", help="Port of the pages' address.")] = 5000,
) -> None:
    """Open MLflow's own pages on the local store; they are at the printed address until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    from harness.runs import page_of, prepare_store, tracking_place, tracking_uri

    uri = tracking_uri(out)
    if uri.startswith(("http://", "https://", "databricks")):
        raise UserError(f"runs are mirrored to {tracking_place(out)}, which has pages of its own; open that address")
    # The tables are made, or brought up to date, before the server asks for them.
    experiments = prepare_store(out)
    address = f"http://127.0.0.1:{port}"
    say(f"{address} shows {tracking_place(out)} until Ctrl-C")
    for name, number in experiments.items():
        say(f"{name}, with its measures as columns: {page_of(address, number)}")
    command = [sys.executable, "-P", "-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    try:
        with _with_its_children(command) as server:
            raise typer.Exit(2 if server.wait() else 0)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@contextmanager
def _with_its_children(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that ends with the block, and with it all that it has started."""
    # Jobs, which nobody gives to these pages, would be run by processes of their own.
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"} | os.environ | {"PYTHONSAFEPATH": "1"}
    process = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)


@mlflow.command("register")
def register_best(
    protocol: ProtocolNames = None,
    out: Runs = Path("runs"),
    data_root: DataRoot = Path("data"),
    trust: Trust = False,  # noqa: ARG001
) -> None:
    """Register the best system of every text-to-audio protocol as a model that takes captions and ranks clips.

    Load it by `mlflow.pyfunc.load_model("models:/lbar-everyday@best")`.
    """
    from harness.machine import bars
    from harness.protocols import get_protocol
    from leaderboard.board import standings
    from leaderboard.models import register
    from leaderboard.runs import collect

    wanted = [get_protocol(name).name for name in protocol or ()]
    found = standings(collect(out).only(wanted), groups=False)
    chosen = [one for one in found if wanted or one.protocol.direction == "text-to-audio"]
    if not chosen:
        raise UserError(f"no comparable runs of {', '.join(wanted) or 'text-to-audio'} in {out}; `lbar eval` makes one")
    with bars() as progress:
        for standing in chosen:
            echo(register(standing, out=out, data_root=data_root, progress=progress))
