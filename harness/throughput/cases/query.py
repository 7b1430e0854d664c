"""The workloads `query` and `query-batch`: captions to the best clips of a collection."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from harness.audio import Array
from harness.interface import RetrievalSystem, guarded_score
from harness.machine import stage
from harness.measures import ExactIndex, top_k, unit_vectors
from harness.runs import CaseRecord
from harness.throughput.cases.workload import LeftOut, Workload
from harness.throughput.instruments.memory import available_bytes
from harness.throughput.instruments.observation import Case
from harness.throughput.subject import Subject

COLLECTIONS = (1_045, 100_000, 1_000_000)
"""Numbers of clips that are searched: Clotho's evaluation split, a sound library, and a large one."""

BEST = 10
"""How many clips a query is answered with."""

_ROWS = 1 << 16
_CAPTIONS = 1_000


@dataclass(frozen=True)
class Query(Workload):
    """Search collections for captions.

    Attributes:
        at_once: number of captions in one iteration.
        collections: numbers of clips that are searched.
    """

    at_once: int = 1
    collections: tuple[int, ...] = COLLECTIONS

    def groups(self, subject: Subject) -> Iterator[Sequence[Case] | LeftOut]:
        """A case for each collection, unless it takes more than half of the free memory."""
        width = subject.width
        for count in self.collections:
            needed, available = 4 * count * width, available_bytes()
            if available is not None and 2 * needed > available:
                yield LeftOut(
                    f"{count:,} clips x {width} float32 take {needed / 1e9:.1f} GB, more than half of the "
                    f"{available / 1e9:.1f} GB of memory that are free"
                )
            else:
                yield (self._case(subject, collection(count, width)),)

    def _case(self, subject: Subject, items: Array) -> Case:
        """Take the captions of the data set in their order, again and again."""
        captions = cycle(subject.prepared.task.captions[:_CAPTIONS])
        answer = answering(subject.system, items)

        def call() -> None:
            answer(list(islice(captions, self.at_once)))

        name = f"{self.name}, {len(items):,} clips"
        return Case(name, "queries", self.at_once, call, bytes_read=items.nbytes)

    def figures(self, cases: Sequence[CaseRecord]) -> dict[str, float | None]:
        """The latency of a single query in the smallest collection."""
        return {"query_p95_seconds": cases[0].p95} if self.at_once == 1 else {}


def answering(system: RetrievalSystem, items: Array) -> Callable[[Sequence[str]], np.ndarray]:
    """A function from captions to the indices of their best items, by the cosine or by the system's own score.

    Args:
        system: embeds the captions.
        items: embeddings of the collection, `(n, d)`; of length one where the system is scored by the cosine.
    """
    own_score = guarded_score(system)
    index = None if own_score else ExactIndex(items)

    def answer(captions: Sequence[str]) -> np.ndarray:
        with stage("encode"):
            vectors = np.asarray(system.embed_text(captions), np.float32)
        if index is not None:
            return index.search(unit_vectors(vectors), BEST)[0]
        assert own_score is not None
        with stage("score"):
            scores = np.concatenate(
                [own_score(vectors, items[start : start + _ROWS]) for start in range(0, len(items), _ROWS)], axis=1
            )
        with stage("rank"):
            return top_k(scores, BEST)[0]

    return answer


def collection(count: int, width: int) -> Array:
    """Random vectors of length one, `(count, width)`, the same every time."""
    random = np.random.default_rng(0)
    items = np.empty((count, width), np.float32)
    for start in range(0, count, _ROWS):
        some = items[start : start + _ROWS]
        random.standard_normal(out=some, dtype=np.float32)
        unit_vectors(some, out=some)
    return items
