"""`lbar restore`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import Runs


def restore(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Protocols, `speed`, or MLflow run ids; none means all that was mirrored."),
    ] = None,
    out: Runs = Path("runs"),
) -> None:
    """Make run folders again from MLflow.

    What is already there stays as it is.
    """
    from harness.runs.tracking.restoring import mirrored_experiments
    from harness.runs.tracking.restoring import restore as restore_runs

    for name in names or mirrored_experiments(out=out):
        for folder in restore_runs(name, out=out):
            typer.echo(str(folder))
