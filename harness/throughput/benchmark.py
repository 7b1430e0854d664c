"""Measure one system: workload by workload, beside the ceilings of the same run, into one record."""

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from harness.errors import UserError
from harness.evaluation import PreparedTask
from harness.interface import System, checked_info, is_pair_scorer
from harness.machine import Environment, Progress, describe_environment, silent, system_code
from harness.runs import (
    CaseRecord,
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
from harness.throughput.cases.end_to_end import observe_files
from harness.throughput.cases.index import best_of, clips_per_iteration, observe_index, sizes_for, sweep
from harness.throughput.cases.query import observe_queries
from harness.throughput.instruments.ceilings import measure_ceilings
from harness.throughput.instruments.memory import peak_memory
from harness.throughput.instruments.timing import FULL
from harness.throughput.instruments.watching import describe_threads
from harness.throughput.repetition import repeat
from harness.throughput.subject import Subject, spread
from harness.throughput.workloads import WORKLOADS, Workload


@dataclass(frozen=True, slots=True)
class SpeedOptions:
    """What to measure, and how.

    Attributes:
        workloads: which.
        device: what the system was built for, in torch's words, or `own`.
        precision: what it was built for.
        compiled: whether it was.
        batch_size: clips at once; `None` tries powers of two and takes the fastest.
        clips: real clips in one iteration; `None` is as many as fill half a second.
        effort: how long.
    """

    workloads: tuple[Workload, ...] = tuple(WORKLOADS.values())
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
        system: as it was built for `options.device` and `options.precision`.
        prepared: real clips and captions, decoded at the system's rate.
        options: what to measure.
        quality: compares what it says with what it says computed plainly; asked where there is a difference.
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
    task = prepared.task
    if options.clips is not None:
        spread(task.clips, options.clips)
    advance = progress(f"{info.name}: speed", len(options.workloads) + 3)
    ceilings = measure_ceilings(device, options.precision)
    advance(1)
    subject = Subject(system, prepared, task.clips, device, options.batch_size or 1, ceilings, options.effort)
    steps = list(sweep(subject, sizes_for(device, options.batch_size)))
    best = best_of(steps)
    count = options.clips or clips_per_iteration(best, len(task.clips))
    subject = replace(subject, batch_size=best.batch_size).with_clips(count)
    advance(1)
    samples: dict[str, Samples] = {}
    workloads = []
    for workload in options.workloads:
        workloads.append(_run(workload, subject, samples))
        advance(1)
    workloads = [repeat(found, one, subject) for found, one in zip(workloads, options.workloads, strict=True)]
    advance(1)
    environment = describe_environment(device)
    reasons = (*_reasons(options, environment), *summary(workloads))
    return (
        SpeedRecord(
            system=SystemRecord(**asdict(info), code=system_code(system)),
            clips=ClipsRecord(
                dataset=task.protocol.dataset,
                split=task.protocol.split,
                clips=count,
                seconds=subject.audio_seconds,
                audio_digest=prepared.store.digest(subject.clips),
            ),
            settings=SpeedSettings(
                device=options.device,
                precision=options.precision,
                compiled=options.compiled,
                batch_size=best.batch_size,
                effort=options.effort,
            ),
            environment=environment,
            threads=describe_threads(),
            ceilings=ceilings,
            figures=_figures(workloads),
            stages=_stages(workloads),
            workloads=tuple(workloads),
            sweep=_kept(steps, options),
            quality=quality() if quality else None,
            comparable=not reasons,
            reasons=reasons,
            command=shlex.join(sys.argv),
        ),
        samples,
    )


def _run(workload: Workload, subject: Subject, samples: dict[str, Samples]) -> WorkloadRecord:
    left_out: list[str] = []
    if workload.collections:
        searched = list(observe_queries(subject, workload, left_out))
        observed = [one.observed for one in searched]
        memory = searched[-1].memory if searched else None
    elif workload.from_files:
        one, call = observe_files(subject)
        observed, memory = [one], peak_memory(call, subject.device)
    else:
        observed = [observe_index(subject)]
        memory = peak_memory(subject.embed_stored, subject.device)
    for one in observed:
        samples.update(one.samples)
    return WorkloadRecord(
        name=workload.name,
        about=workload.about,
        cases=tuple(case for one in observed for case in one.cases),
        memory=memory,
        meters=observed[-1].meters if observed else None,
        left_out=tuple(left_out),
    )


def _figures(workloads: list[WorkloadRecord]) -> Figures:
    first = {workload.name: workload.cases[0] for workload in workloads if workload.cases}
    index, query = first.get("index"), first.get("query")
    bare = next((case for workload in workloads if workload.name == "index" for case in workload.cases[1:2]), None)
    return Figures(
        clips_per_second=index.per_second if index else None,
        query_p95_seconds=query.p95 if query else None,
        gflops_per_clip=sum(index.flops.values()) / index.items / 1e9 or None if index else None,
        real_time_factor=index.real_time_factor if index else None,
        share_of_limit=index.share_of_limit if index else None,
        clips_per_joule=index.items_per_joule if index else None,
        overhead=index.p50 / bare.p50 - 1 if index and bare else None,
    )


def _stages(workloads: list[WorkloadRecord]) -> dict[str, float]:
    """Seconds a clip or a query of the case that goes through most stages."""
    cases = [workload.cases[0] for workload in workloads if workload.cases]
    if not cases:
        return {}
    widest: CaseRecord = max(cases, key=lambda case: len(case.stages))
    return {stage: seconds / widest.items for stage, seconds in widest.stages.items()}


def summary(workloads: Sequence[WorkloadRecord]) -> Iterator[str]:
    """What stands against a record as a whole, in few lines.

    That is the worst disturbance of any case, and noise in those that its figures are of, the first of each workload.
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


def _kept(steps: list[SweepStep], options: SpeedOptions) -> tuple[SweepStep, ...]:
    """The sweep, where there was one."""
    return tuple(steps) if options.batch_size is None else ()
