"""All observations of one call: its times, its stages, its operations, and the state of the machine."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter

from harness.machine import StageMeter, metered
from harness.runs import CaseRecord, Ceilings, Effort, Meters, Samples
from harness.throughput.instruments.operations import count_flops
from harness.throughput.instruments.timing import measure, synchronise
from harness.throughput.instruments.watching import Watched, watch

MOST_DRIFT = 0.05
"""Share by which two medians of the same case may differ before the case counts as noisy."""

_MOST_SPREAD = 0.2
"""Distance of the quartiles, as a share of the median, from which on a case counts as noisy."""

_SPLIT_PASSES = 3


@dataclass(frozen=True)
class Case:
    """One thing that is done again and again and timed.

    Attributes:
        name: the workload, and what it is done on.
        unit: what is counted, in the plural.
        items: how many of them one iteration processes.
        call: one iteration.
        audio_seconds: length of the audio processed in one iteration.
        bytes_read: size of the collection that is searched in one iteration.
    """

    name: str
    unit: str
    items: int
    call: Callable[[], object]
    audio_seconds: float | None = None
    bytes_read: int = 0


@dataclass(frozen=True)
class Observed:
    """The record of each case, all samples by its name, and the readings of the accelerator meanwhile."""

    cases: tuple[CaseRecord, ...]
    samples: Mapping[str, Samples]
    meters: Meters | None


def observe(cases: Sequence[Case], device: str, ceilings: Ceilings, effort: Effort) -> Observed:
    """Measure cases in turn; split each into stages and count its operations in passes of their own."""
    with watch(device) as watched:
        samples = measure({case.name: case.call for case in cases}, device, effort)
    records = [_record(case, samples[case.name], device, ceilings, watched) for case in cases]
    return Observed(tuple(records), samples, watched.meters)


def _record(case: Case, samples: Samples, device: str, ceilings: Ceilings, watched: Watched) -> CaseRecord:
    """Derive the figures of a case from its samples and the ceilings of the same run."""
    stages, split_seconds = split(case.call, device)
    flops = count_flops(case.call)
    p50, p90, p95, p99 = (samples.percentile(share) for share in (50, 90, 95, 99))
    limit = sum(flops.values()) / ceilings.matrix_flops_per_second + case.bytes_read / ceilings.read_bytes_per_second
    on_device = sorted(samples.device_seconds)
    watts = watched.meters.power_watts if watched.meters else None
    return CaseRecord(
        name=case.name,
        unit=case.unit,
        items=case.items,
        iterations=len(samples.seconds),
        warm_ups=samples.warm_ups,
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        spread=samples.spread,
        drift=samples.drift,
        per_second=case.items / p50,
        device_p50=on_device[len(on_device) // 2] if on_device else None,
        audio_seconds=case.audio_seconds,
        real_time_factor=case.audio_seconds / p50 if case.audio_seconds else None,
        flops=flops,
        bytes_read=case.bytes_read,
        limit_seconds=limit or None,
        share_of_limit=limit / p50 or None,
        stages=stages,
        split_seconds=split_seconds,
        cores_busy=watched.own_cores,
        watts=watts,
        items_per_joule=case.items / p50 / watts if watts else None,
        reasons=(*watched.reasons, *noise(case.name, samples)),
    )


def split(call: Callable[[], object], device: str = "cpu") -> tuple[dict[str, float], float]:
    """Seconds in each stage and of the whole call, in the fastest of a few passes.

    Each change of stage waits for the device, so that its time counts towards the right stage. Stages then do not
    overlap as they otherwise do, which is why these are no throughput figures.
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


def noise(name: str, samples: Samples) -> tuple[str, ...]:
    """Reasons, seen in the samples themselves, to expect that another run gives other figures."""
    reasons = []
    if not samples.steady:
        reasons.append(f"noisy: {name} did not become steady in {samples.warm_ups} warm-ups")
    if samples.drift > MOST_DRIFT:
        reasons.append(f"noisy: {name}: the medians of the two halves differ by {samples.drift:.0%}")
    if samples.spread > _MOST_SPREAD:
        reasons.append(f"noisy: {name}: the quartiles lie {samples.spread:.0%} of the median apart")
    return tuple(reasons)
