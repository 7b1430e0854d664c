"""The workloads that `lbar bench` knows; a new one is a class in `cases/` and an entry here."""

from harness.errors import unknown
from harness.throughput.cases.end_to_end import EndToEnd
from harness.throughput.cases.index import Index
from harness.throughput.cases.query import Query
from harness.throughput.cases.workload import Workload

WORKLOADS: tuple[Workload, ...] = (
    Index(),
    Query("query", "one caption to its 10 best clips", 1),
    Query("query-batch", "100 captions to the 10 best clips of each", 100),
    EndToEnd(),
)


def get_workloads(names: tuple[str, ...]) -> tuple[Workload, ...]:
    """The workloads of these names, all where none is named.

    Raises:
        UserError: there is no such workload.
    """
    known = [workload.name for workload in WORKLOADS]
    for name in names:
        if name not in known:
            raise unknown("workload", name, known)
    return tuple(workload for workload in WORKLOADS if not names or workload.name in names)
