"""The workloads `query` and `query-batch`: captions to the best clips of a collection."""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple

import numpy as np

from harness.audio import Array
from harness.interface import RetrievalSystem, guarded_score
from harness.machine import stage
from harness.measures import ExactIndex, top_k, unit_vectors
from harness.runs import Memory
from harness.throughput.instruments.memory import available_bytes, peak_memory
from harness.throughput.instruments.observation import Case, Observed, observe
from harness.throughput.subject import Subject
from harness.throughput.workloads import BEST, Workload

_ROWS = 1 << 16
_CAPTIONS = 1_000


class Searched(NamedTuple):
    """A collection that was searched, what was observed, and the memory it took."""

    observed: Observed
    memory: Memory


def observe_queries(subject: Subject, workload: Workload, left_out: list[str]) -> Iterator[Searched]:
    """Measure a workload over each of its collections; those that do not fit into memory are told in `left_out`."""
    width = subject.width
    for count in workload.collections:
        needed, available = 4 * count * width, available_bytes()
        if available is not None and 2 * needed > available:
            left_out.append(
                f"{count:,} clips x {width} float32 take {needed / 1e9:.1f} GB, more than half of the "
                f"{available / 1e9:.1f} GB of memory that are free"
            )
            continue
        case = query_case(subject, workload, collection(count, width))
        memory = peak_memory(case.call, subject.device)
        yield Searched(observe([case], subject.device, subject.ceilings, subject.effort), memory)


def query_case(subject: Subject, workload: Workload, items: Array) -> Case:
    """Captions of the data set, one after the other, each as often as the next."""
    at_once = workload.queries or 1
    captions = cycle(subject.prepared.task.captions[:_CAPTIONS])
    answer = answering(subject.system, items)

    def call() -> None:
        answer(list(islice(captions, at_once)))

    name = f"{workload.name}, {len(items):,} clips"
    return Case(name, workload.unit, at_once, call, bytes_read=items.nbytes)


def answering(system: RetrievalSystem, items: Array) -> Callable[[Sequence[str]], np.ndarray]:
    """From captions to the indices of their best items, by the cosine or by the system's own score.

    Args:
        system: embeds the captions.
        items: embeddings of the collection, `(n, d)`, of length one where the cosine counts.
    """
    own = guarded_score(system)
    index = None if own else ExactIndex(items)

    def answer(captions: Sequence[str]) -> np.ndarray:
        with stage("encode"):
            vectors = np.asarray(system.embed_text(captions), np.float32)
        if index is not None:
            return index.search(unit_vectors(vectors), BEST)[0]
        assert own is not None
        with stage("score"):
            scores = np.concatenate(
                [own(vectors, items[start : start + _ROWS]) for start in range(0, len(items), _ROWS)], axis=1
            )
        with stage("rank"):
            return top_k(scores, BEST)[0]

    return answer


def collection(count: int, width: int) -> Array:
    """Random vectors of length one, the same every time."""
    random = np.random.default_rng(0)
    items = np.empty((count, width), np.float32)
    for start in range(0, count, _ROWS):
        some = items[start : start + _ROWS]
        random.standard_normal(out=some, dtype=np.float32)
        unit_vectors(some, out=some)
    return items
