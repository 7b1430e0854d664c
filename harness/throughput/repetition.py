"""Whether what was measured early in a run still holds at its end: a machine can change by the minute."""

from dataclasses import replace

from harness.runs import WorkloadRecord
from harness.throughput.cases.end_to_end import files_case
from harness.throughput.cases.index import cases_of
from harness.throughput.cases.query import collection, query_case
from harness.throughput.instruments.observation import MOST_DRIFT, Case
from harness.throughput.instruments.timing import measure
from harness.throughput.subject import Subject
from harness.throughput.workloads import Workload

_SHARE = 4
"""A repetition takes a quarter of the effort."""


def repeat(found: WorkloadRecord, workload: Workload, subject: Subject) -> WorkloadRecord:
    """Measure the first case of a workload again, under the conditions of the first time, and compare medians.

    Returns:
        What was found; where the median is another one now, the first case says that it is noisy.
    """
    if not found.cases:
        return found
    first, *others = found.cases
    cases = _together(workload, subject)
    if cases[0].name != first.name:
        return found
    effort = subject.effort
    less = replace(effort, iterations=max(effort.iterations // _SHARE, 1), seconds=effort.seconds / _SHARE)
    later = measure({case.name: case.call for case in cases}, subject.device, less)[first.name].percentile(50)
    change = max(later, first.p50) / min(later, first.p50) - 1
    if change <= MOST_DRIFT:
        return found
    reason = f"noisy: {first.name}: at the end of the run the median differed by {change:.0%}"
    marked = first.model_copy(update={"reasons": (*first.reasons, reason)})
    return found.model_copy(update={"cases": (marked, *others)})


def _together(workload: Workload, subject: Subject) -> list[Case]:
    """The cases that were measured in turn with the first."""
    if workload.collections:
        return [query_case(subject, workload, collection(workload.collections[0], subject.width))]
    return [files_case(subject)] if workload.from_files else cases_of(subject)
