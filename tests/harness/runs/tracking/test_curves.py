from pathlib import Path

import pytest

from harness.runs.tracking.client import open_client
from harness.runs.tracking.curves import Curves


def test_a_training_that_goes_on_stays_one_run(migrated_runs: Path) -> None:
    for start in (1, 2):
        curves = Curves(migrated_runs, "mine", "key", {"batch": "8", "long": "x" * 900})
        for epoch in range(start, 4):
            assert curves.try_log(epoch, {"loss": 1 / epoch}) is None
    assert Curves(migrated_runs, "mine", "other key", {}).try_log(1, {"loss": 9.0}) is None
    with open_client(migrated_runs) as client:
        runs = client.search_runs([client.get_experiment_by_name("training").experiment_id])
        of_key = next(run for run in runs if run.data.tags["lbar.training"] == "key")
        steps = {point.step for point in client.get_metric_history(of_key.info.run_id, "loss")}
    assert len(runs) == 2
    assert steps == {1, 2, 3}
    assert of_key.data.params["batch"] == "8"
    assert len(of_key.data.params["long"]) == 500


def test_a_grid_holds_its_trainings(migrated_runs: Path) -> None:
    grid = Curves(migrated_runs, "grid", "grid key", {"rate": "[1, 2]"})
    for key, reached in (("a", 0.3), ("b", 0.2), ("a", 0.3)):
        assert Curves(migrated_runs, key, key, {}).try_log(1, {"loss": 1.0}) is None
        assert grid.try_nest(key, reached) is None
    with open_client(migrated_runs) as client:
        runs = client.search_runs([client.get_experiment_by_name("training").experiment_id])
    outer = next(run for run in runs if run.data.tags["lbar.training"] == "grid key")
    inner = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == outer.info.run_id]
    assert sorted(run.info.run_name for run in inner) == ["a", "b"]
    assert len(runs) == 3
    assert outer.data.metrics["best_validation_mAP_at_10"] == 0.3


def test_a_failure_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    warning = Curves(tmp_path, "mine", "key", {}).try_log(1, {"loss": 1.0})
    assert warning is not None
    assert "the curves are in the training's own record as well" in warning
    assert "\n" not in warning
    warning = Curves(tmp_path, "grid", "key", {}).try_nest("inner", 0.5)
    assert warning is not None
    assert "what each combination reached is in the grid's own record as well" in warning
