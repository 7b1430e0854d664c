"""How long the board and its page take over many runs, and how large the page gets.

The figures to hold: 500 runs of 5,225 queries on a board in less than 10 s, its first page below 5 MB and open in less
than 1 s.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.runs.records import EvaluationRecord
from harness.runs.run_folder import read_record
from leaderboard.board.entries import standings
from leaderboard.board.table import render
from leaderboard.comparison.comparing import compare_answers
from leaderboard.report.site import build
from leaderboard.runs.answers import read_answers
from leaderboard.runs.collecting import Row, collect

HISTORIC = Path(__file__).parents[1] / "data" / "evaluation_v1.json"
MakeRun = Callable[..., Path]


@pytest.mark.benchmark(group="board")
def test_collect_500_runs(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    record = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
    for index in range(500):
        folder = tmp_path / f"run-{index}"
        folder.mkdir()
        (folder / "record.json").write_text(record.model_copy(update={"id": uuid4().hex}).to_json())
    benchmark(collect, tmp_path)


@pytest.fixture(scope="module")
def many_runs(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> Path:
    """500 systems on a Clotho that is invented: 25 that differ, each 20 times over with other names."""
    out = tmp_path_factory.mktemp("many")
    for index in range(25):
        name = f"system {index}"
        first = make_run(
            out,
            name,
            clips=1045,
            protocol="clotho-dcase2024",
            quality=index / 12,
            kept=100,
            system={"parameters": 10**6},
        )
        record = read_record(first)
        for twin in range(19):
            copy = out / f"{first.name}-{twin}"
            shutil.copytree(first, copy)
            system = record.system.model_copy(update={"name": f"{name}, {twin}", "digest": f"{index:032x}{twin:032x}"})
            changed = record.model_copy(update={"id": uuid4().hex, "system": system})
            (copy / "record.json").write_text(changed.to_json())
            table = pq.read_table(copy / "per_query.parquet")
            turned = np.roll(table["mAP@10"].to_numpy(), 5 * twin)
            pq.write_table(
                table.set_column(table.column_names.index("mAP@10"), "mAP@10", [turned]), copy / "per_query.parquet"
            )
    return out


@pytest.mark.benchmark(group="board of 500 runs, 5,225 queries", min_rounds=3)
def test_the_board_of_500_runs(benchmark: BenchmarkFixture, many_runs: Path) -> None:
    def board() -> object:
        found = collect(many_runs)
        return render(standings(found), found.set_aside, 100)

    benchmark(board)


@pytest.mark.benchmark(group="board of 500 runs, 5,225 queries")
def test_the_page_of_500_runs(benchmark: BenchmarkFixture, many_runs: Path, tmp_path: Path) -> None:
    """All of it: the table, a page and the answers of every system."""
    board = collect(many_runs)

    def write() -> None:
        build(standings(board), board.set_aside, tmp_path / "site", tmp_path)

    benchmark.pedantic(write, rounds=1)
    assert (tmp_path / "site" / "index.html").stat().st_size < 5_000_000
    benchmark.extra_info["index.html bytes"] = (tmp_path / "site" / "index.html").stat().st_size
    benchmark.extra_info["site bytes"] = sum(path.stat().st_size for path in (tmp_path / "site").rglob("*"))


@pytest.mark.benchmark(group="board of 500 runs, 5,225 queries")
def test_the_page_of_500_runs_opens(benchmark: BenchmarkFixture, many_runs: Path, tmp_path: Path) -> None:
    """From asking for it until the first hundred rows are there and it answers, in a browser that is running."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra test)")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium (Debian's package chromium)")
    board = collect(many_runs)
    build(standings(board), board.set_aside, tmp_path / "site", tmp_path)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()

        def open_page() -> None:
            page.goto((tmp_path / "site" / "index.html").as_uri())
            assert page.locator("tbody tr").count() >= 100

        benchmark.pedantic(open_page, rounds=5, warmup_rounds=1)
        page.locator("tbody tr").nth(499).wait_for()
        browser.close()


@pytest.mark.benchmark(group="comparing 20 systems, 4 measures, 10,000 resamples")
def test_compare_20_systems(benchmark: BenchmarkFixture, many_runs: Path) -> None:
    folders = sorted(many_runs.iterdir())[:20]
    rows = [Row(folder, read_record(folder)) for folder in folders]
    answers = read_answers(rows)
    benchmark(compare_answers, answers, [row.record for row in rows])
