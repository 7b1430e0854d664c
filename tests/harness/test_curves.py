from pathlib import Path

import pytest

from harness.curves import Curves
from harness.tracking import open_client


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


def test_a_failure_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    warning = Curves(tmp_path, "mine", "key", {}).try_log(1, {"loss": 1.0})
    assert warning is not None
    assert "the curves are in the training's own record as well" in warning
    assert "\n" not in warning
