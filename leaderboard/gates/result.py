"""What a gate is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.machine import Progress, silent


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What the gates are to check.

    Attributes:
        systems: which of the stored systems; empty means all of them.
        out: folder of run folders.
        baseline: stored results; `None` means those that come with lbar.
        speeds: files that runs of the benchmarks wrote.
        update: whether to store the results as they are now, instead of comparing.
        progress: opened for every stage of an evaluation.
        say: receives a line for each evaluated system.
    """

    systems: tuple[str, ...]
    out: Path
    baseline: Path | None = None
    speeds: tuple[Path, ...] = ()
    update: bool = False
    progress: Progress = silent
    say: Callable[[str], None] = print


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of a gate for one system, or for one stage of the work.

    Attributes:
        gate: name of the gate.
        subject: the system, or the stage.
        passed: whether it is as good, or as fast, as the baseline.
        message: the comparison in a line.
        queries: a line for each of the queries that changed most.
    """

    gate: str
    subject: str
    passed: bool
    message: str
    queries: tuple[str, ...] = ()
