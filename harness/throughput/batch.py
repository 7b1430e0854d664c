"""Measure several systems one after the other: what one of them gets wrong does not stop the next."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from harness.errors import UserError
from harness.evaluation import PreparedTask, prepare
from harness.interface import BuiltSystem, build_system, checked_info, is_pair_scorer
from harness.machine import Progress, silent
from harness.protocols import Protocol
from harness.runs import Quality, SpeedRecord, try_mirror, write_speed
from harness.throughput.benchmark import SpeedOptions, benchmark
from harness.throughput.quality import compare_quality


class SpeedBatch(NamedTuple):
    """What came of it: folder and record of each system, and an error by name of each that failed."""

    runs: tuple[tuple[Path, SpeedRecord], ...]
    failures: dict[str, UserError]


def benchmark_all(
    names: Sequence[str],
    protocol: Protocol,
    data_root: Path,
    out: Path,
    options: SpeedOptions,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = print,
) -> SpeedBatch:
    """Measure systems, write a run folder each, and mirror it into MLflow.

    Args:
        names: as `build_system` takes them.
        protocol: whose data set the real clips and captions are of.
        data_root: folder with the data sets.
        out: folder that receives the run folders.
        options: what to measure; `device`, `precision` and `compiled` are what each system is asked to be built for.
        progress: opened for every stage.
        say: receives a line for each system.

    Raises:
        UserError: the data set is missing or broken, which no system could help.
    """
    prepared: dict[int, PreparedTask] = {}
    runs: list[tuple[Path, SpeedRecord]] = []
    failures: dict[str, UserError] = {}
    mirrors = True
    for name in names:
        try:
            built = build_system(name, device=options.device, precision=options.precision, compiled=options.compiled)
            rate = checked_info(built.system).sample_rate
        except UserError as error:
            failures[name] = error
            continue
        if rate not in prepared:
            prepared[rate] = prepare(protocol, data_root, rate, progress=progress)
        own = replace(options, device=built.device, precision=built.precision)
        try:
            record, samples = benchmark(
                built.system,
                prepared[rate],
                own,
                quality=_quality(name, built, prepared[rate], own, progress),
                progress=progress,
            )
            folder = write_speed(out, record, samples)
        except UserError as error:
            failures[name] = error
            continue
        runs.append((folder, record))
        say(f"{name}: {folder}")
        if mirrors and (warning := try_mirror(folder, out=out)):
            mirrors = False
            say(f"{name}: {warning}")
    return SpeedBatch(tuple(runs), failures)


def _quality(
    name: str, built: BuiltSystem, prepared: PreparedTask, options: SpeedOptions, progress: Progress
) -> Callable[[], Quality] | None:
    """How to find out what precision and compiling change; `None` where it is computed plainly."""
    system = built.system
    if is_pair_scorer(system) or (options.precision == "fp32" and not options.compiled):
        return None

    def compare() -> Quality:
        plain = build_system(name, device=options.device, precision="fp32").system
        assert not is_pair_scorer(plain)
        return compare_quality(system, plain, prepared, progress=progress)

    return compare
