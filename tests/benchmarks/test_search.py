"""Exact search beside the time to read the collection once, and beside faiss, in turn in one run; read `extra_info`.

pytest tests/benchmarks/test_search.py --benchmark-only
"""

from collections.abc import Callable
from time import perf_counter, sleep

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio.clip import Array
from harness.machine.devices import usable_cores
from harness.measures.exact_search import ExactIndex
from harness.throughput.cases.query import collection

WIDTH = 512
SIZES = [1_045, 100_000, pytest.param(1_000_000, marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=SIZES)
def items(request: pytest.FixtureRequest) -> Array:
    return collection(request.param, WIDTH)


_REST = 0.2
"""Seconds after which the threads of whoever computed before no longer wait actively for more work."""


def ready(call: Callable[[], object]) -> None:
    """Let others come to rest, and one's own threads and memory be where they are in the middle of work."""
    sleep(_REST)
    call()


def seconds(call: Callable[[], object]) -> float:
    ready(call)
    begun = perf_counter()
    call()
    return perf_counter() - begun


@pytest.mark.parametrize("queries", [1, 100])
def test_search(benchmark: BenchmarkFixture, items: Array, queries: int) -> None:
    asked = np.ascontiguousarray(items[:: max(len(items) // queries, 1)][:queries]) + np.float32(0.01)
    index = ExactIndex(items)
    rivals: dict[str, Callable[[], object]] = {}
    try:
        import faiss
    except ImportError:
        faiss = None
    if faiss is not None:
        faiss.omp_set_num_threads(usable_cores())
        other = faiss.IndexFlatIP(WIDTH)
        other.add(items)
        rivals["faiss"] = lambda: other.search(asked, 10)
    # The time to read the collection once is that of the faster of two things that do little else.
    flat = items.ravel()
    read = torch.from_numpy(flat)
    rivals["reading it, sum"], rivals["reading it, dot"] = read.sum, lambda: flat.dot(flat)
    rivals["numpy, all scores and a partition"] = lambda: np.argpartition(asked @ items.T, -10, axis=1)[:, -10:]
    times: dict[str, list[float]] = {name: [] for name in rivals}

    def in_turn() -> None:
        for name, call in rivals.items():
            times[name].append(seconds(call))
        ready(lambda: index.search(asked, 10))

    benchmark.group = f"10 best of {len(items):,} x {WIDTH}, {queries} at once"
    rounds = 15 if queries * len(items) < 50_000_000 else 3
    benchmark.pedantic(index.search, (asked, 10), setup=in_turn, rounds=rounds, warmup_rounds=1)
    assert benchmark.stats is not None
    fastest = benchmark.stats.stats.min
    median = benchmark.stats.stats.median
    for name, found in times.items():
        benchmark.extra_info[f"to {name}"] = f"{fastest / min(found):.2f} (medians {median / np.median(found):.2f})"
    exact = items[:5000].astype(np.float64) @ asked.T.astype(np.float64)
    best, _ = ExactIndex(items[:5000]).search(asked, 10)
    assert (best == np.argsort(-exact.T, axis=1, kind="stable")[:, :10]).mean() > 0.999
