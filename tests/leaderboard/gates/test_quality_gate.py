import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.errors import UserError
from harness.machine import CHECKSUMS
from harness.runs.run_folder import read_record
from leaderboard.gates.quality_baseline import QUALITY_BASELINE, read_baseline, write_baseline
from leaderboard.gates.quality_gate import check_quality
from leaderboard.runs.collecting import Row

MakeRun = Callable[..., Path]
Run = Callable[..., tuple[int, str]]


def row(folder: Path) -> Row:
    return Row(folder, read_record(folder))


def reranked(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> Row:
    """The same run with other ranks, and measures that follow from them."""
    from harness.measures.measure import parse_measure
    from harness.measures.ranking import Ranks

    path = folder / "per_query.parquet"
    table = pq.read_table(path)
    ranks = change(table["rank_pessimistic"].to_numpy().copy())
    one_each = Ranks(np.arange(len(ranks) + 1), ranks, ranks)
    columns = {"rank_pessimistic": ranks, "rank_optimistic": ranks}
    columns |= {name: parse_measure(name)(one_each) for name in table.column_names if "@" in name}
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, [values])
    pq.write_table(table, path)
    (folder / CHECKSUMS).unlink()
    record = read_record(folder)
    measures = tuple(
        one.model_copy(
            update={"value": mean, "optimistic": mean, "low": min(one.low, mean), "high": max(one.high, mean)}
        )
        for one in record.measures
        for mean in [columns[one.name].mean()]
    )
    (folder / "record.json").write_text(record.model_copy(update={"measures": measures}).to_json())
    return row(folder)


def test_the_same_answers_pass_and_so_do_two_queries_that_changed(tmp_path: Path, make_run: MakeRun) -> None:
    folder, path = make_run(tmp_path, "a", clips=100), tmp_path / "quality.json"
    write_baseline([row(folder)], path)
    (result,) = check_quality([row(folder)], read_baseline(path))
    assert result.passed
    assert result.message.startswith("as stored (mAP@10 0.")

    def two_lost(ranks: np.ndarray) -> np.ndarray:
        ranks[np.flatnonzero(ranks == 1)[:2]] = 90
        return ranks

    (result,) = check_quality([reranked(folder, two_lost)], read_baseline(path))
    assert result.passed


def test_a_system_that_answers_differently_fails_and_names_the_queries(tmp_path: Path, make_run: MakeRun) -> None:
    folder, path = make_run(tmp_path, "a", clips=100), tmp_path / "quality.json"
    write_baseline([row(folder)], path)

    def some_lost(ranks: np.ndarray) -> np.ndarray:
        ranks[np.flatnonzero(ranks == 1)[:10]] = 90
        return ranks

    (result,) = check_quality([reranked(folder, some_lost)], read_baseline(path))
    assert not result.passed
    assert "the same system answers differently: mAP@10 -0.0" in result.message
    assert len(result.queries) == 5
    assert all(line.startswith("rank 1 → 90: caption ") and ".wav)" in line for line in result.queries)


@pytest.mark.parametrize(("quality", "passed"), [(0.02, True), (1.0, True), (-0.9, False)])
def test_a_retrained_system_may_be_better_but_not_worse_beyond_chance(
    tmp_path: Path, make_run: MakeRun, quality: float, passed: bool
) -> None:
    path = tmp_path / "quality.json"
    write_baseline([row(make_run(tmp_path, "a", clips=100, seed=1))], path)
    retrained = row(make_run(tmp_path, "a", clips=100, seed=2, quality=quality))
    (result,) = check_quality([retrained], read_baseline(path))
    assert result.passed == passed
    assert result.message.startswith("another system than the stored one, ")
    assert passed or ("and worse: mAP@10 -0." in result.message and result.queries)


def test_other_rules_or_data_need_a_new_baseline(tmp_path: Path, make_run: MakeRun) -> None:
    path = tmp_path / "quality.json"
    write_baseline([row(make_run(tmp_path, "a"))], path)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"dataset_digest": "0" * 64}))
    (result,) = check_quality([row(make_run(tmp_path, "a"))], read_baseline(path))
    assert not result.passed
    assert "store them anew" in result.message


def test_storing_keeps_what_else_is_stored(tmp_path: Path, make_run: MakeRun) -> None:
    path = tmp_path / "quality.json"
    write_baseline([row(make_run(tmp_path, "a"))], path)
    write_baseline([row(make_run(tmp_path, "b"))], path)
    assert list(read_baseline(path).systems) == ["a", "b"]
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == ["quality.json"]


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is damaged"), ("[]", "is damaged"), ('{"schema_version": 9}', "has schema version 9, expected 1")],
)
def test_a_bad_baseline_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "quality.json"
    path.write_text(content)
    with pytest.raises(UserError, match=said):
        read_baseline(path)
    with pytest.raises(UserError, match="cannot read .*; `lbar gate --update` writes it"):
        read_baseline(tmp_path / "absent")


def test_the_stored_results_are_of_the_bundled_benchmark() -> None:
    baseline = read_baseline(QUALITY_BASELINE)
    assert baseline.protocol == "everyday"
    assert {"linear", "random"} <= set(baseline.systems)
    assert {len(one.ranks) for one in baseline.systems.values()} == {1000}


@pytest.mark.slow
def test_the_shipped_systems_pass(migrated_runs: Path, tmp_path: Path, run: Run) -> None:
    code, shown = run("--out", migrated_runs)
    assert code == 0, shown
    assert "quality linear: as stored (mAP@10 0.6299" in shown
    own = tmp_path / "own.json"
    assert run("random", "--out", migrated_runs, "--baseline", own, "--update")[0] == 0
    fields = json.loads(own.read_text())
    fields["systems"]["random"]["ranks"] = " ".join(["1"] * 1000)
    own.write_text(json.dumps(fields))
    code, shown = run("--out", migrated_runs, "--baseline", own)
    assert code == 1
    assert "the same system answers differently" in shown
    assert shown.count("  rank 1 → ") == 5
    document = json.loads(run("--out", migrated_runs, "--baseline", own, "--json")[1])
    assert [result["passed"] for result in document] == [False]


def test_what_cannot_be_checked_is_one_line(tmp_path: Path, run: Run) -> None:
    with pytest.raises(UserError, match="unknown gate 'colour'; known are quality, speed"):
        run("--only", "colour")
    with pytest.raises(UserError, match="no result of 'clap' is stored in .*, .* known are linear, random"):
        run("clap")
    with pytest.raises(UserError, match="does not exist yet; name the systems"):
        run("--update", "--baseline", tmp_path / "new.json")
