"""Everything that is found out about one call: its times, its stages, its operations, and what the machine did."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter

from harness.machine.stages import StageMeter, metered
from harness.runs.speed_record import CaseRecord, case_record
from harness.throughput.instruments.ceilings import Ceilings
from harness.throughput.instruments.operations import count_flops
from harness.throughput.instruments.timing import Effort, Samples, measure, synchronise
from harness.throughput.instruments.watching import Meters, Watched, watch

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
