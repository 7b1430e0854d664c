"""`lbar gate`: every gate is a function that gives findings, and one that does not pass fails the command."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import AsJson, Runs, print_json
from harness.errors import UserError

if TYPE_CHECKING:
    from leaderboard.gates import Finding
    from leaderboard.runs import Row


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked for; see its options."""

    systems: tuple[str, ...]
    out: Path
    baseline: Path | None
    speeds: tuple[Path, ...]
    update: bool


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
            "--speeds", help="What a run of the benchmarks kept by LBAR_SPEEDS; give two for the gate of speed."
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Store what the systems answer now, instead of comparing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that the shipped systems still are as good, and the code as fast, as they were.

    Evaluates systems on the bundled benchmark where this code has not done so yet, and compares with stored results;
    compares measured speeds where some are given.
    """
    chosen = only or ["quality", *(["speed"] if speeds else [])]
    if unknown := [name for name in chosen if name not in GATES]:
        raise UserError(f"there is no gate {unknown[0]!r}; there are {', '.join(GATES)}")
    if baseline and len(chosen) > 1:
        raise UserError(f"--baseline {baseline} can be of one gate; say by --only of which of {', '.join(chosen)}")
    asked = Asked(tuple(systems or ()), out, baseline, tuple(speeds or ()), update)
    with redirect_stdout(sys.stderr):
        findings = [finding for name in chosen for finding in GATES[name](asked)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{finding.gate} {finding.subject}: {finding.message}")
            for query in finding.queries:
                typer.echo(f"  {query}")
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


def quality(asked: Asked) -> "list[Finding]":
    """The gate of quality: evaluate, then compare or store."""
    from leaderboard.gates import QUALITY_BASELINE, Finding, check_quality, read_baseline, write_baseline

    path = asked.baseline or QUALITY_BASELINE
    if asked.update and not path.exists():
        if not asked.systems:
            raise UserError(f"{path} does not exist yet; name the systems whose results it is to hold")
        names, protocol = list(asked.systems), "everyday"
    else:
        stored = read_baseline(path)
        names, protocol = list(asked.systems or stored.systems), stored.protocol
        if not asked.update and (unknown := [name for name in names if name not in stored.systems]):
            known = ", ".join(stored.systems)
            raise UserError(f"no result of {unknown[0]!r} is stored in {path}, only of {known}; `--update` stores it")
    rows = _evaluated(names, protocol, asked.out)
    if not asked.update:
        return check_quality(rows, stored)
    write_baseline(rows, path)
    return [
        Finding(
            "quality", record.system.name, True, f"stored in {path} ({record.primary.name} {record.primary.value:.4f})"
        )
        for record in (row.record for row in rows)
    ]


def speed(asked: Asked) -> "list[Finding]":
    """The gate of speed: compare measurements, or store the stages' medians over them."""
    from leaderboard.gates import SPEED_BASELINE, Finding, check_speed, write_speeds

    path = asked.baseline or SPEED_BASELINE
    if not asked.update:
        return check_speed(path, asked.speeds)
    stored = write_speeds(asked.speeds, path)
    return [Finding("speed", stage, True, f"stored in {path} ({ratio:.3g})") for stage, ratio in stored.ratios.items()]


def _evaluated(names: Sequence[str], protocol: str, out: Path) -> "list[Row]":
    from harness.evaluation import Options, evaluate_all
    from harness.machine import bars
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


GATES: "dict[str, Callable[[Asked], list[Finding]]]" = {"quality": quality, "speed": speed}
"""By name."""
