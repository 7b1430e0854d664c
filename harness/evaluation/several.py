"""Evaluate several systems one after the other: what one of them gets wrong does not stop the next."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.errors import UserError
from harness.evaluation.evaluating import Run, evaluate_prepared
from harness.evaluation.options import Options
from harness.evaluation.preparing import PreparedTask, prepare
from harness.interface import build_system, checked_info, listings
from harness.machine import Progress, silent
from harness.protocols import Protocol
from harness.runs import try_mirror


class Batch(NamedTuple):
    """What came of it: finished runs in the order of the systems, and an error by name of each system that failed."""

    runs: tuple[Run, ...]
    failures: dict[str, UserError]


def evaluate_all(
    names: Sequence[str],
    protocol: Protocol,
    options: Options,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = print,
) -> Batch:
    """Evaluate systems, mirror each run folder into MLflow, and tell how it went, a line at a time.

    Args:
        names: as `build_system` takes them; none means every registered system whose parts are all here.
        protocol: the rules.
        options: where things are and go; `device` and `precision` are what each system is asked to be built for.
        progress: opened for every stage.
        say: receives the lines.

    Raises:
        UserError: the data set is missing or broken, which no system could help.
    """
    prepared: dict[int, PreparedTask] = {}
    runs: list[Run] = []
    failures: dict[str, UserError] = {}
    mirrors = True
    for name in names or _available(say):
        try:
            built = build_system(name, device=options.device, precision=options.precision)
            rate = checked_info(built.system).sample_rate
        except UserError as error:
            if names:
                failures[name] = error
            else:
                say(f"{name}: not available: {error}")
            continue
        if rate not in prepared:
            prepared[rate] = prepare(
                protocol, options.data_root, rate, skip_broken=options.skip_broken, progress=progress
            )
        own_options = replace(options, device=built.device, precision=built.precision)
        try:
            run = evaluate_prepared(built.system, prepared[rate], own_options, progress=progress)
        except UserError as error:
            failures[name] = error
            continue
        runs.append(run)
        say(_told(name, run))
        if mirrors and (warning := try_mirror(run.folder, out=options.out)):
            mirrors = False
            say(f"{name}: {warning}")
    return Batch(tuple(runs), failures)


def _available(say: Callable[[str], None]) -> list[str]:
    """The registered systems whose files are here; the others are told of in one line."""
    listed = listings()
    absent = [system for system in listed if system.missing]
    if absent:
        count = f"{len(absent)} of {len(listed)} systems"
        say(f"left out, as their weights are not here: {count}; `lbar systems` lists them")
    return [system.name for system in listed if not system.missing]


def _told(name: str, run: Run) -> str:
    record = run.record
    primary = record.primary
    when = "evaluated before" if run.reused else f"in {record.seconds.total:.1f} s"
    return (
        f"{name}: {primary.name} {primary.value:.4f} [{primary.low:.4f}, {primary.high:.4f}] "
        f"on {record.protocol.name}, {when}: {run.folder}"
    )
