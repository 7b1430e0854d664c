"""Everything that is found out about one call: its times, its stages, its operations, and what the machine did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
from typing import TYPE_CHECKING

from harness.throughput.instruments.timing import synchronise

if TYPE_CHECKING:
    pass
from contextlib import nullcontext

from harness.machine import StageMeter, metered
from harness.runs import CaseRecord, Ceilings, Effort, Meters, Samples
from harness.throughput.instruments.operations import count_flops
from harness.throughput.instruments.timing import measure
from harness.throughput.instruments.watching import Watched, watch

MOST_DRIFT = 0.05
"""Share by which medians of the same may differ before they count as noisy."""


_SPLIT_PASSES = 3


@dataclass(frozen=True)
class Case:
    """One thing to do again and again.

    Attributes:
        name: of the workload, and what it is done on.
        unit: what is counted.
        items: of them in one iteration.
        call: an iteration.
        audio_seconds: length of what is heard in it.
        bytes_read: of a collection that is searched in it.
    """

    name: str
    unit: str
    items: int
    call: Callable[[], object]
    audio_seconds: float | None = None
    bytes_read: int = 0


@dataclass(frozen=True)
class Observed:
    """The record of each case, all samples by its name, and the accelerator's meters meanwhile."""

    cases: tuple[CaseRecord, ...]
    samples: Mapping[str, Samples]
    meters: Meters | None


def observe(cases: list[Case], device: str, ceilings: Ceilings, effort: Effort) -> Observed:
    """Measure cases in turn, then split and count each in passes of their own."""
    with watch(device) as watched:
        samples = measure({case.name: case.call for case in cases}, device, effort)
    records = [_record(case, samples[case.name], device, ceilings, watched) for case in cases]
    return Observed(tuple(records), samples, watched.meters)


def _record(case: Case, samples: Samples, device: str, ceilings: Ceilings, watched: Watched) -> CaseRecord:
    stages, whole = split(case.call, device)
    # Only one thing at a time can be told the power of.
    watts = watched.meters.power_watts if watched.meters else None
    return case_record(
        case.name,
        case.unit,
        case.items,
        samples,
        ceilings,
        audio_seconds=case.audio_seconds,
        flops=count_flops(case.call),
        bytes_read=case.bytes_read,
        stages=stages,
        split_seconds=whole,
        cores_busy=watched.own_cores,
        watts=watts,
        reasons=watched.reasons,
    )


def split(call: Callable[[], object], device: str = "cpu") -> tuple[dict[str, float], float]:
    """Seconds by stage and of the whole, in the fastest of a few passes.

    The device is waited for at each change of stage, so that its time counts where it belongs; that costs the overlap,
    which is why these are no throughput figures.
    """

    def read() -> float:
        synchronise(device)
        return perf_counter()

    best: tuple[dict[str, float], float] = ({}, float("inf"))
    for number in range(_SPLIT_PASSES + 1):
        meter = StageMeter(read)
        with metered(meter) if number else nullcontext():
            begun = read()
            call()
            whole = read() - begun
        if number and whole < best[1]:
            best = (meter.spent, whole)
    return best


def case_record(
    name: str,
    unit: str,
    items: int,
    samples: Samples,
    ceilings: Ceilings,
    *,
    audio_seconds: float | None = None,
    flops: dict[str, float] | None = None,
    bytes_read: int = 0,
    stages: dict[str, float] | None = None,
    split_seconds: float = 0,
    cores_busy: float = 0,
    watts: float | None = None,
    reasons: tuple[str, ...] = (),
) -> CaseRecord:
    """Derive the figures of a case from its samples and the ceilings of the same run."""
    p50, p90, p95, p99 = (samples.percentile(share) for share in (50, 90, 95, 99))
    limit = sum((flops or {}).values()) / ceilings.matrix_flops_per_second
    limit += bytes_read / ceilings.read_bytes_per_second
    device = sorted(samples.device_seconds)
    return CaseRecord(
        name=name,
        unit=unit,
        items=items,
        iterations=len(samples.seconds),
        warm_ups=samples.warm_ups,
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        spread=samples.spread,
        drift=samples.drift,
        per_second=items / p50,
        device_p50=device[len(device) // 2] if device else None,
        audio_seconds=audio_seconds,
        real_time_factor=audio_seconds / p50 if audio_seconds else None,
        flops=flops or {},
        bytes_read=bytes_read,
        limit_seconds=limit or None,
        share_of_limit=limit / p50 or None,
        stages=stages or {},
        split_seconds=split_seconds,
        cores_busy=cores_busy,
        watts=watts,
        items_per_joule=items / p50 / watts if watts else None,
        reasons=(*reasons, *noise(name, samples)),
    )


def noise(name: str, samples: Samples) -> tuple[str, ...]:
    """What in the samples themselves says that another run may find something else."""
    said = []
    if not samples.steady:
        said.append(f"noisy: {name} did not become steady in {samples.warm_ups} warm-ups")
    if samples.drift > MOST_DRIFT:
        said.append(f"noisy: {name}: the medians of the two halves differ by {samples.drift:.0%}")
    if samples.spread > 0.2:
        said.append(f"noisy: {name}: the quartiles lie {samples.spread:.0%} of the median apart")
    return tuple(said)
