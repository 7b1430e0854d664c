"""`lbar gate`: every gate is a function that gives findings, and one that does not pass fails the command."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli_options import AsJson, Runs, print_json
from harness.errors import UserError

if TYPE_CHECKING:
    from leaderboard.gate import Finding
    from leaderboard.runs import Row


def gate(
    systems: Annotated[
        list[str] | None, typer.Argument(help="Which of the stored systems; none means all of them.")
    ] = None,
    out: Runs = Path("runs"),
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this gate; repeatable.")] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Stored results; those that come with lbar by default.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Store what the systems answer now, instead of comparing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that the shipped systems still are as good as they were.

    Evaluates them on the bundled benchmark where this code has not done so yet, and compares with stored results.
    """
    chosen = only or list(GATES)
    if unknown := [name for name in chosen if name not in GATES]:
        raise UserError(f"there is no gate {unknown[0]!r}; there are {', '.join(GATES)}")
    with redirect_stdout(sys.stderr):
        findings = [finding for name in chosen for finding in GATES[name](systems or [], out, baseline, update)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{finding.gate} {finding.system}: {finding.message}")
            for query in finding.queries:
                typer.echo(f"  {query}")
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


def quality(systems: Sequence[str], out: Path, baseline: Path | None, update: bool) -> "list[Finding]":
    """The gate of quality: evaluate, then compare or store."""
    from leaderboard.gate import BASELINE, Finding, check_quality, read_baseline, write_baseline

    path = baseline or BASELINE
    if update and not path.exists():
        if not systems:
            raise UserError(f"{path} does not exist yet; name the systems whose results it is to hold")
        names, protocol = list(systems), "everyday"
    else:
        stored = read_baseline(path)
        names, protocol = list(systems or stored.systems), stored.protocol
        if not update and (unknown := [name for name in names if name not in stored.systems]):
            known = ", ".join(stored.systems)
            raise UserError(f"no result of {unknown[0]!r} is stored in {path}, only of {known}; `--update` stores it")
    rows = _evaluated(names, protocol, out)
    if not update:
        return check_quality(rows, stored)
    write_baseline(rows, path)
    return [
        Finding(
            "quality", record.system.name, True, f"stored in {path} ({record.primary.name} {record.primary.value:.4f})"
        )
        for record in (row.record for row in rows)
    ]


def _evaluated(names: Sequence[str], protocol: str, out: Path) -> "list[Row]":
    from harness.batch import evaluate_all
    from harness.evaluation import Options
    from harness.progress import bars
    from harness.protocols import get_protocol
    from leaderboard.runs import Row

    with bars() as progress:
        batch = evaluate_all(
            names, get_protocol(protocol), Options(out=out, device="auto"), progress=progress, say=_say
        )
    if batch.failures:
        problems = [f"{name}: {error}" for name, error in batch.failures.items()]
        raise UserError(f"{len(problems)} of {len(names)} systems could not be evaluated", problems)
    return [Row(run.folder, run.record) for run in batch.runs]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


GATES: "dict[str, Callable[[Sequence[str], Path, Path | None, bool], list[Finding]]]" = {"quality": quality}
"""By name: systems that are asked for, the folder of runs, the file of stored results, whether to store; findings."""
