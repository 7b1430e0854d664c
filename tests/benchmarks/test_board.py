"""How long the board takes over many runs."""

from pathlib import Path
from uuid import uuid4

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.records import load_record
from leaderboard.runs import collect

HISTORIC = Path(__file__).parents[1] / "data" / "evaluation_v1.json"


@pytest.mark.benchmark(group="board")
def test_collect_500_runs(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    record = load_record(HISTORIC.read_text(encoding="utf-8"))
    for index in range(500):
        folder = tmp_path / f"run-{index}"
        folder.mkdir()
        (folder / "record.json").write_text(record.model_copy(update={"id": uuid4().hex}).to_json())
    benchmark(collect, tmp_path)
