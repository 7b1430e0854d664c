"""Measure several systems one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.evaluation import Batch, PreparedTask, prepare, run_each
from harness.interface import BuiltSystem, build_system, checked_info, is_pair_scorer, uses_of
from harness.machine import Progress, silent
from harness.protocols import Protocol
from harness.runs import Quality, SpeedRecord, try_mirror, write_speed
from harness.throughput.benchmark import SpeedOptions, benchmark
from harness.throughput.quality import compare_quality


def benchmark_all(
    names: Sequence[str],
    protocol: Protocol,
    data_root: Path,
    out: Path,
    options: SpeedOptions,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = print,
) -> Batch[tuple[Path, SpeedRecord]]:
    """Measure systems, write a run folder each, and mirror it into MLflow.

    Args:
        names: as `build_system` takes them.
        protocol: its data set gives the real clips and captions.
        data_root: folder with the data sets.
        out: folder that receives the run folders.
        options: what to measure; each system is built for its `device`, `precision` and `compiled`.
        progress: opened for every stage.
        say: receives a line for each system.

    Returns:
        The folder and the record of each system, and the error of each that failed.

    Raises:
        UserError: the data set is missing or broken, which no system could help.
    """

    def run(name: str, built: BuiltSystem, prepared: PreparedTask) -> list[tuple[Path, SpeedRecord]]:
        prepared = prepared.described(uses_of(built.system))
        own = replace(options, device=built.device, precision=built.precision)
        quality = _quality(name, built, prepared, own, progress)
        record, samples = benchmark(built.system, prepared, own, quality=quality, progress=progress)
        folder = write_speed(out, record, samples)
        say(f"{name}: {folder}")
        return [(folder, record)]

    return run_each(
        names,
        partial(build_system, device=options.device, precision=options.precision, compiled=options.compiled),
        lambda built: checked_info(built.system).sample_rate,
        partial(prepare, protocol, data_root, progress=progress),
        run,
        lambda done: try_mirror(done[0], out=out),
        say,
    )


def _quality(
    name: str, built: BuiltSystem, prepared: PreparedTask, options: SpeedOptions, progress: Progress
) -> Callable[[], Quality] | None:
    """A function that measures what precision and compiling change; `None` where the system is in plain fp32."""
    system = built.system
    if is_pair_scorer(system) or (options.precision == "fp32" and not options.compiled):
        return None

    def compare() -> Quality:
        plain = build_system(name, device=options.device, precision="fp32").system
        assert not is_pair_scorer(plain)
        return compare_quality(system, plain, prepared, progress=progress)

    return compare
