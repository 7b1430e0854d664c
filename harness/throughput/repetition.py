"""Whether a measurement from early in a run still holds at its end: a machine can change by the minute."""

from dataclasses import replace

from harness.runs import WorkloadRecord
from harness.throughput.cases.workload import LeftOut, Workload
from harness.throughput.instruments.observation import MOST_DRIFT
from harness.throughput.instruments.timing import measure
from harness.throughput.subject import Subject

_SHARE = 4
"""A repetition takes a quarter of the effort."""


def repeat(found: WorkloadRecord, workload: Workload, subject: Subject) -> WorkloadRecord:
    """Measure the first group of a workload again under the same conditions, and compare medians of its first case.

    Returns:
        The record; where the median has changed by more than 5 %, its first case is marked as noisy.
    """
    if not found.cases:
        return found
    first, *others = found.cases
    groups = (group for group in workload.groups(subject) if not isinstance(group, LeftOut))
    group = next((group for group in groups if group[0].name == first.name), None)
    if group is None:
        # It no longer fits into the free memory.
        return found
    effort = subject.effort
    less = replace(effort, iterations=max(effort.iterations // _SHARE, 1), seconds=effort.seconds / _SHARE)
    later = measure({case.name: case.call for case in group}, subject.device, less)[first.name].percentile(50)
    change = max(later, first.p50) / min(later, first.p50) - 1
    if change <= MOST_DRIFT:
        return found
    reason = f"noisy: {first.name}: at the end of the run the median differed by {change:.0%}"
    marked = first.model_copy(update={"reasons": (*first.reasons, reason)})
    return found.model_copy(update={"cases": (marked, *others)})
