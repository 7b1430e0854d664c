"""Measure one system: workload by workload, beside the ceilings of the same run, into one record."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from harness.errors import UserError
from harness.evaluation import PreparedTask
from harness.interface import RetrievalSystem, System, checked_info, is_pair_scorer
from harness.machine import Advance, Environment, Progress, describe_environment, silent, system_code
from harness.runs import (
    CaseRecord,
    Ceilings,
    ClipsRecord,
    Effort,
    Figures,
    Quality,
    Samples,
    SpeedRecord,
    SpeedSettings,
    SweepStep,
    SystemRecord,
    WorkloadRecord,
)
from harness.throughput.batch_size import best_of, clips_per_iteration, sizes_for, sweep
from harness.throughput.cases.workload import LeftOut, Workload
from harness.throughput.instruments.ceilings import measure_ceilings
from harness.throughput.instruments.memory import peak_memory
from harness.throughput.instruments.observation import observe
from harness.throughput.instruments.timing import FULL
from harness.throughput.instruments.watching import describe_threads
from harness.throughput.repetition import repeat
from harness.throughput.subject import Subject, spread
from harness.throughput.workloads import WORKLOADS


@dataclass(frozen=True, slots=True)
class SpeedOptions:
    """What to measure, and how.

    Attributes:
        workloads: the ways of using the system that are measured.
        device: the one the system was built for, as torch names it, or `own`.
        precision: the one the system was built for.
        compiled: whether the system was compiled by torch.
        batch_size: clips at once; `None` tries powers of two and takes the fastest.
        clips: real clips in one iteration; `None` takes as many as need about half a second.
        effort: for how long to measure.
    """

    workloads: tuple[Workload, ...] = WORKLOADS
    device: str = "own"
    precision: str = "fp32"
    compiled: bool = False
    batch_size: int | None = None
    clips: int | None = None
    effort: Effort = FULL


def benchmark(
    system: System,
    prepared: PreparedTask,
    options: SpeedOptions = SpeedOptions(),
    *,
    quality: Callable[[], Quality] | None = None,
    progress: Progress = silent,
) -> tuple[SpeedRecord, Mapping[str, Samples]]:
    """Measure a system.

    Args:
        system: built for `options.device` and `options.precision`.
        prepared: real clips and captions, decoded at the system's rate.
        options: what to measure.
        quality: compares the system's output with that of the same system in fp32; called where the two may differ.
        progress: opened for the workloads.

    Returns:
        The record, and every sample by the name of its case.

    Raises:
        UserError: the system scores pairs, fails, or a batch does not fit; or there are fewer clips than asked for.
    """
    info = checked_info(system)
    if is_pair_scorer(system):
        raise UserError(
            f"{info.name} scores pairs and has no embeddings to search; `lbar bench` measures systems that embed"
        )
    device = "cpu" if options.device == "own" else options.device
    if options.clips is not None:
        spread(prepared.task.clips, options.clips)
    advance = progress(f"{info.name}: speed", len(options.workloads) + 3)
    ceilings = measure_ceilings(device, options.precision)
    advance(1)
    subject, steps = _with_best_batch(system, prepared, options, device, ceilings)
    advance(1)
    workloads, samples = _measure_all(options.workloads, subject, advance)
    environment = describe_environment(device)
    reasons = (*_reasons(options, environment), *summary(workloads))
    record = SpeedRecord(
        system=SystemRecord(**asdict(info), code=system_code(system)),
        clips=_clips(subject),
        settings=SpeedSettings(
            device=options.device,
            precision=options.precision,
            compiled=options.compiled,
            batch_size=subject.batch_size,
            effort=options.effort,
        ),
        environment=environment,
        threads=describe_threads(),
        ceilings=ceilings,
        figures=_figures(options.workloads, workloads),
        stages=_stages(workloads),
        workloads=tuple(workloads),
        sweep=tuple(steps) if options.batch_size is None else (),
        quality=quality() if quality else None,
        comparable=not reasons,
        reasons=reasons,
        command=shlex.join(sys.argv),
    )
    return record, samples


def _with_best_batch(
    system: RetrievalSystem, prepared: PreparedTask, options: SpeedOptions, device: str, ceilings: Ceilings
) -> tuple[Subject, list[SweepStep]]:
    """The system with its fastest batch size and the clips of one iteration, and the sizes that were tried."""
    clips = prepared.task.clips
    subject = Subject(system, prepared, clips, device, options.batch_size or 1, ceilings, options.effort)
    steps = list(sweep(subject, sizes_for(device, options.batch_size)))
    best = best_of(steps)
    count = options.clips or clips_per_iteration(best, len(clips))
    return replace(subject, batch_size=best.batch_size).with_clips(count), steps


def _measure_all(
    workloads: Sequence[Workload], subject: Subject, advance: Advance
) -> tuple[list[WorkloadRecord], dict[str, Samples]]:
    """The record of each workload, after a repetition at the end of the run, and all samples by case."""
    samples: dict[str, Samples] = {}
    found = []
    for workload in workloads:
        found.append(_measure(workload, subject, samples))
        advance(1)
    found = [repeat(record, workload, subject) for record, workload in zip(found, workloads, strict=True)]
    advance(1)
    return found, samples


def _measure(workload: Workload, subject: Subject, samples: dict[str, Samples]) -> WorkloadRecord:
    """Measure the groups of a workload one after the other, and add the samples of each case to `samples`."""
    cases: list[CaseRecord] = []
    left_out = []
    memory = meters = None
    for group in workload.groups(subject):
        if isinstance(group, LeftOut):
            left_out.append(group.reason)
            continue
        observed = observe(group, subject.device, subject.ceilings, subject.effort)
        memory, meters = peak_memory(group[0].call, subject.device), observed.meters
        cases += observed.cases
        samples.update(observed.samples)
    return WorkloadRecord(
        name=workload.name,
        about=workload.about,
        cases=tuple(cases),
        memory=memory,
        meters=meters,
        left_out=tuple(left_out),
    )


def _clips(subject: Subject) -> ClipsRecord:
    protocol = subject.prepared.task.protocol
    return ClipsRecord(
        dataset=protocol.dataset,
        split=protocol.split,
        clips=len(subject.clips),
        seconds=subject.audio_seconds,
        audio_digest=subject.prepared.store.digest(subject.clips),
    )


def _figures(workloads: Sequence[Workload], records: Sequence[WorkloadRecord]) -> Figures:
    found: dict[str, float | None] = {}
    for workload, record in zip(workloads, records, strict=True):
        if record.cases:
            found |= workload.figures(record.cases)
    return Figures(**found)


def _stages(workloads: Sequence[WorkloadRecord]) -> dict[str, float]:
    """Seconds per clip or query in each stage, of the first case of the workload that has most stages."""
    cases = [workload.cases[0] for workload in workloads if workload.cases]
    if not cases:
        return {}
    widest = max(cases, key=lambda case: len(case.stages))
    return {stage: seconds / widest.items for stage, seconds in widest.stages.items()}


def summary(workloads: Sequence[WorkloadRecord]) -> Iterator[str]:
    """The reasons against a record as a whole: the worst disturbance of any case, and which main cases are noisy.

    The main case of a workload is its first one: the figures of the record are computed from it.
    """
    cases = [case for workload in workloads for case in workload.cases]
    disturbed = [reason for case in cases for reason in case.reasons if reason.startswith("disturbed")]
    if disturbed:
        yield max(disturbed)
    first = [workload.cases[0] for workload in workloads if workload.cases]
    noisy = [case.name for case in first if any(reason.startswith("noisy") for reason in case.reasons)]
    if noisy:
        yield f"noisy: {'; '.join(noisy)}"


def _reasons(options: SpeedOptions, environment: Environment) -> list[str]:
    reasons = []
    effort = options.effort
    if effort.iterations < FULL.iterations or effort.seconds < FULL.seconds or effort.warm_ups < FULL.warm_ups:
        reasons.append(f"measured for less than {FULL.iterations} iterations and {FULL.seconds:g} s")
    if environment.device_processes:
        reasons.append(f"disturbed: another process used the GPU: {', '.join(environment.device_processes)}")
    return reasons
