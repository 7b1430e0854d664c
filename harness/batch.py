"""Evaluate several systems one after the other: what one of them gets wrong does not stop the next."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.devices import resolve
from harness.errors import UserError
from harness.evaluation import Options, Run, evaluate
from harness.progress import Progress, silent
from harness.protocols import Protocol
from harness.registry import load_system, registered
from harness.tracking import try_mirror


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
        names: as `load_system` takes them; none means every registered system whose parts are all here.
        protocol: the rules.
        options: where things are and go; `device` may be `auto`.
        progress: opened for every stage.
        say: receives the lines.
    """
    options = replace(options, device=resolve(options.device))
    runs: list[Run] = []
    failures: dict[str, UserError] = {}
    for name in names or registered():
        try:
            system = load_system(name, device=options.device, precision=options.precision)
        except UserError as error:
            if names:
                failures[name] = error
            else:
                say(f"{name}: not available: {error}")
            continue
        try:
            run = evaluate(system, protocol, options, progress=progress)
        except UserError as error:
            failures[name] = error
            continue
        runs.append(run)
        measured = run.record.primary
        say(
            f"{name}: {measured.name} {measured.value:.4f} [{measured.low:.4f}, {measured.high:.4f}] on {protocol.name}"
            f"{', evaluated before' if run.reused else f' in {run.record.seconds.total:.1f} s'}: {run.folder}"
        )
        warning = try_mirror(run.folder, out=options.out)
        if warning:
            say(f"{name}: {warning}")
    return Batch(tuple(runs), failures)
