"""How long the bundled benchmark takes to render, all of it, from nothing."""

import resource
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.datasets.known import load, selected_splits


@pytest.mark.slow
@pytest.mark.benchmark(group="everyday")
def test_render_everything(benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roots = (tmp_path / str(number) for number in range(3))

    def empty_cache() -> None:
        monkeypatch.setenv("LBAR_CACHE", str(next(roots)))

    def render() -> None:
        for split in selected_splits("everyday"):
            load("everyday", split, tmp_path)

    benchmark.pedantic(render, setup=empty_cache, rounds=2)
    benchmark.extra_info["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
