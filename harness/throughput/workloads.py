"""What is measured: the ways in which people use a retrieval system, as data."""

from dataclasses import dataclass

from harness.errors import UserError

COLLECTIONS = (1_045, 100_000, 1_000_000)
"""Numbers of clips that queries search: Clotho's evaluation split, a sound library, and a large one."""

BEST = 10
"""How many clips a query is answered with."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One way to use a system.

    Attributes:
        name: how the command calls it.
        about: from what to what.
        unit: what is counted in a second.
        queries: captions that come at once; none where clips are embedded.
        collections: numbers of clips that are searched.
        from_files: whether the clips lie on disk as files, to be decoded.
    """

    name: str
    about: str
    unit: str
    queries: int | None = None
    collections: tuple[int, ...] = ()
    from_files: bool = False


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("index", "decoded clips to embeddings", "clips"),
        Workload("query", "one caption to its 10 best clips", "queries", 1, COLLECTIONS),
        Workload("query-batch", "100 captions to the 10 best clips of each", "queries", 100, COLLECTIONS),
        Workload("end-to-end", "audio files and a caption to a ranked list", "clips", 1, (), from_files=True),
    )
}


def get_workloads(names: tuple[str, ...]) -> tuple[Workload, ...]:
    """The workloads of these names, all where none is named.

    Raises:
        UserError: there is no such workload.
    """
    if unknown := [name for name in names if name not in WORKLOADS]:
        raise UserError(f"there is no workload {unknown[0]!r}; there are {', '.join(WORKLOADS)}")
    return tuple(workload for name, workload in WORKLOADS.items() if not names or name in names)
