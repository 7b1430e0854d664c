"""`lbar gate`."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import AsJson, Runs, echo, print_json, say


def gate(
    systems: Annotated[
        list[str] | None, typer.Argument(help="Which of the stored systems; none means all of them.")
    ] = None,
    out: Runs = Path("runs"),
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this gate; repeatable.")] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Stored results; those that come with lbar by default.")
    ] = None,
    speeds: Annotated[
        list[Path] | None,
        typer.Option(
            "--speeds", help="A file that the benchmarks wrote (LBAR_SPEEDS); give two for the gate of speed."
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Store what the systems answer now, instead of comparing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that the shipped systems still are as good, and the code as fast, as they were.

    Evaluates systems on the bundled benchmark where this code has not done so yet, and compares them with stored
    results; compares measured speeds where some are given.
    """
    from harness.machine import bars
    from leaderboard.gates import GateRequest, run_gates

    with bars() as progress, redirect_stdout(sys.stderr):
        request = GateRequest(tuple(systems or ()), out, baseline, tuple(speeds or ()), update, progress, say)
        results = run_gates(only or (), request)
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        for result in results:
            echo(f"{result.gate} {result.subject}: {result.message}")
            for query in result.queries:
                echo(f"  {query}")
    if not all(result.passed for result in results):
        raise typer.Exit(1)
