"""A speed record as a person reads it."""

from collections.abc import Iterator

from harness.machine import STAGES
from harness.runs import CaseRecord, SpeedRecord, WorkloadRecord

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def report(record: SpeedRecord) -> str:
    """Plain text: a line for each case with its stages below, and the reasons why figures are not comparable."""
    return "\n".join(_lines(record))


def _lines(record: SpeedRecord) -> Iterator[str]:
    settings, ceilings = record.settings, record.ceilings
    compiled = ", compiled" if settings.compiled else ""
    yield (
        f"{record.system.name} on {_machine(record)}, {settings.precision}{compiled}, "
        f"batches of {settings.batch_size}; "
        f"at most {ceilings.matrix_flops_per_second / 1e9:,.0f} GFLOP/s and "
        f"{ceilings.read_bytes_per_second / 1e9:.1f} GB/s"
    )
    for workload in record.workloads:
        yield from _workload(workload)
    figures = record.figures
    if figures.overhead is not None:
        yield f"  the harness adds {figures.overhead:.1%} to the bare encoder"
    if record.quality:
        quality = record.quality
        yield (
            f"  {quality.measure} on {quality.protocol} {quality.value:.4f} where fp32 has {quality.reference:.4f}; "
            f"cosine to fp32 at least {min(quality.least_cosine_audio, quality.least_cosine_text):.4f}"
        )
    for reason in record.reasons:
        yield f"  not comparable: {reason}"


def _workload(workload: WorkloadRecord) -> Iterator[str]:
    for case in workload.cases:
        yield f"  {_case(case)}"
        if case.stages:
            yield f"    {_split(case)}"
        for reason in case.reasons:
            if reason.startswith("noisy"):
                yield f"    {reason}"
    for line in workload.left_out:
        yield f"  {workload.name}: left out: {line}"


def _machine(record: SpeedRecord) -> str:
    environment = record.environment
    if record.settings.device not in ("cpu", "own") and environment.accelerator:
        return environment.accelerator.name
    return f"{environment.cpu} ({record.threads.cores} of {environment.logical_cores} cores)"


def _case(case: CaseRecord) -> str:
    parts = [f"{case.name}: {case.per_second:,.1f} {case.unit}/s"]
    parts.append(f"p50 {duration(case.p50)}, p95 {duration(case.p95)}, p99 {duration(case.p99)}")
    if case.real_time_factor:
        parts.append(f"{case.real_time_factor:,.0f} x real time")
    if case.share_of_limit:
        parts.append(f"{case.share_of_limit:.0%} of the limit")
    parts.append(f"{case.cores_busy:.1f} cores busy")
    if case.items_per_joule:
        parts.append(f"{case.items_per_joule:.2f} {case.unit}/J")
    return "; ".join(parts)


def _split(case: CaseRecord) -> str:
    """The stages in their order, as shares of the pass that timed them, and the share of the time between stages."""
    names = [*STAGES, *(name for name in case.stages if name not in STAGES)]
    shares = [(name, case.stages[name] / case.split_seconds) for name in names if name in case.stages]
    shares.append(("between", case.missing_seconds / case.split_seconds))
    return ", ".join(f"{name} {share:.0%}" for name, share in shares)


def duration(seconds: float) -> str:
    """A duration with three significant digits and a unit.

    >>> duration(0.0123), duration(0.00000456), duration(12.34)
    ('12.3 ms', '4.56 µs', '12.3 s')
    """
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"
