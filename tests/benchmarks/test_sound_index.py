"""Exact and approximate search of an index of sounds on disk, in turn with reading its vectors; read `extra_info`.

pytest tests/benchmarks/test_sound_index.py --benchmark-only
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import cast

import numpy as np
import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio import Array
from harness.machine import in_bytes
from harness.measures import ExactIndex
from harness.search import SoundIndex
from harness.search.approximate import build_approximate, measured
from harness.search.mapped_vectors import mapped_vectors
from harness.search.recordings import Recording
from harness.search.searching_system import SearchingSystem
from harness.search.window_table import Database, IndexedSystem, Places, WindowTable
from harness.search.windows import Window
from harness.throughput.cases.query import collection

pytest.importorskip("lancedb", reason="needs LanceDB (extra search)")

WIDTH = 512
AT_ONCE = 100_000
ASKED, AT_ONCE_ASKED = 50, 10
REST = 0.2


@dataclass(frozen=True)
class World:
    """An index, and what is asked."""

    table: WindowTable
    places: Places
    vectors: Array
    queries: Array
    folder: Path


@pytest.fixture(scope="module", params=[100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(folder / "cache"))
        items = collection(request.param, WIDTH)
        table = Database(folder / "index").create(IndexedSystem(named="none", name="none", digest="0"), WIDTH)
        for start in range(0, len(items), AT_ONCE):
            some = items[start : start + AT_ONCE]
            named = (Recording(f"/sounds/{start + number}.wav", 10.0, "", (), "", "") for number in range(len(some)))
            table.add([(one, Window(0.0, 10.0)) for one in named], some)
        table.tidy()
        near = items[:: len(items) // ASKED][:ASKED]
        queries = near + np.random.default_rng(0).standard_normal(near.shape, np.float32) / WIDTH**0.5
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        del items
        places = table.places()
        yield World(table, places, mapped_vectors(table, places), queries, folder)


def size(folder: Path) -> str:
    return in_bytes(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def in_turn(calls: Mapping[str, Callable[[Array], object]], queries: Array) -> dict[str, list[float]]:
    """The milliseconds that each call takes for each query, ten queries at a time."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for start in range(0, len(queries), AT_ONCE_ASKED):
        for name, call in calls.items():
            # The threads of whoever computed before come to rest, and one's own are in the middle of work.
            sleep(REST)
            call(queries[start])
            for query in queries[start : start + AT_ONCE_ASKED]:
                begun = perf_counter()
                call(query)
                times[name].append(1000 * (perf_counter() - begun))
    return times


def quantiles(times: Sequence[float]) -> str:
    """The median and the 95th percentile."""
    return f"{np.median(times):.1f}, {np.quantile(times, 0.95):.1f}"


class Asked:
    """Stands for the system of an index: its words are the vectors themselves."""

    def __init__(self, world: World) -> None:
        self.query = world.queries[0]
        self.unrelated = collection(1_000, WIDTH)

    def words(self, _texts: Sequence[str]) -> Array:
        return self.query[None]


def test_exact(benchmark: BenchmarkFixture, world: World) -> None:
    exact = ExactIndex(world.vectors)
    flat = world.vectors.reshape(-1)
    asked = Asked(world)
    index = SoundIndex(world.table, cast("SearchingSystem", asked))

    def answers(query: Array) -> None:
        asked.query = query
        index.search("words")

    calls: dict[str, Callable[[Array], object]] = {
        "reading": lambda _: flat.dot(flat),
        "search": lambda query: exact.search(query[None], 10),
        "answers": answers,
    }
    times = in_turn(calls, world.queries)
    benchmark.group = f"10 best of {len(world.vectors):,} windows on disk"
    benchmark(exact.search, world.queries[:1], 10)
    median, fastest = (how(times["search"]) / how(times["reading"]) for how in (np.median, np.min))
    benchmark.extra_info |= {
        "reading the vectors once, p50 and p95 in ms": quantiles(times["reading"]),
        "exact search, p50 and p95 in ms": quantiles(times["search"]),
        "to reading the vectors once": f"{median:.2f} (fastest {fastest:.2f})",
        "with places joined and described, p50 and p95 in ms": quantiles(times["answers"]),
        "vectors in the cache": size(world.folder / "cache"),
        "database": size(world.folder / "index"),
        "resident memory": in_bytes(psutil.Process().memory_info().rss),
    }


def test_approximate(benchmark: BenchmarkFixture, world: World) -> None:
    benchmark.group = f"10 best of {len(world.vectors):,} windows on disk"
    begun = perf_counter()
    recall = build_approximate(world.table, world.places, world.vectors, world.queries)
    took = perf_counter() - begun
    known = measured(world.table)
    assert known is not None
    benchmark(world.table.nearest, world.queries[0], 10, known[0])
    times = in_turn({"nearest": lambda query: world.table.nearest(query, 10, known[0])}, world.queries)
    benchmark.extra_info |= {
        "approximate, p50 and p95 in ms": quantiles(times["nearest"]),
        "recall@10": f"{recall:.3f} with {known[0]} partitions",
        "built in s": f"{took:.0f}",
        "database": size(world.folder / "index"),
    }
