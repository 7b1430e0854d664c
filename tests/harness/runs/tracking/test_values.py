"""What MLflow shows of a record, and speed measurements in it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.runs.run_folder import find_runs, read_any_record, write_speed
from harness.runs.speed_record import SpeedRecord
from harness.runs.timing_samples import Samples
from harness.runs.tracking.client import open_client
from harness.runs.tracking.mirroring import mirror, mirror_all, try_mirror
from harness.runs.tracking.restoring import local_copy, restore
from harness.runs.tracking.values import EVALUATION, SPEED

HISTORIC_SPEED = Path(__file__).parents[3] / "data" / "speed_v1.json"


@pytest.fixture
def speed() -> SpeedRecord:
    return SpeedRecord.from_json(HISTORIC_SPEED.read_text(encoding="utf-8"))


@pytest.fixture
def folder(speed: SpeedRecord, migrated_runs: Path) -> Path:
    """The run folder of a speed measurement."""
    return write_speed(migrated_runs, speed, {"index": Samples((0.1, 0.2), (), 1, steady=True)})


@pytest.mark.parametrize("table", ["metrics", "params", "tags"])
def test_one_more_value_is_one_entry(
    table: str, migrated_runs: Path, make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in MLflow, and the run comes back from there as it was."""
    monkeypatch.setitem(getattr(EVALUATION, table), "caption_count", lambda record: str(3 * record.dataset.queries))
    if table == "metrics":
        monkeypatch.setitem(EVALUATION.metrics, "caption_count", lambda record: 3.0 * record.dataset.queries)  # type: ignore[arg-type]
    folder = make_run(migrated_runs)
    record = read_any_record(folder)
    run_id = mirror(folder, out=migrated_runs)
    with open_client(migrated_runs) as client:
        found = getattr(client.get_run(run_id).data, table)
    assert float(found["caption_count"]) == 600
    shutil.rmtree(folder)
    assert restore(run_id, out=migrated_runs) == [folder]
    assert read_any_record(folder) == record


def test_a_measurement_is_mirrored_once(folder: Path, speed: SpeedRecord) -> None:
    out = folder.parent
    run_id = mirror(folder, out=out)
    assert mirror(folder, out=out) == run_id
    with open_client(out) as client:
        run = client.get_run(run_id)
        assert run.info.run_name == f"small_linear-speed-{folder.name[:16]}"
        assert run.data.metrics["clips_per_second"] == speed.figures.clips_per_second
        assert run.data.metrics["stage.encode"] == speed.stages["encode"]
        assert run.data.metrics["index folder.p50"] == speed.workloads[0].cases[0].p50
        assert run.data.params["system.name"] == "small_linear"
        assert run.data.params["settings.batch_size"] == str(speed.settings.batch_size)
        assert run.data.tags["lbar.speed_id"] == speed.id
        assert {file.path for file in client.list_artifacts(run_id)} == {
            "checksums.xxh128",
            "record.json",
            "samples.parquet",
        }


def test_track_mirrors_what_is_there(folder: Path) -> None:
    [(found, outcome)] = mirror_all(folder.parent)
    assert (found, outcome.done) == (folder, True)


def test_the_folder_comes_back(folder: Path, speed: SpeedRecord) -> None:
    out, samples = folder.parent, (folder / "samples.parquet").read_bytes()
    mirror(folder, out=out)
    assert restore(None, out=out) == restore("speed", out=out) == [folder]
    shutil.rmtree(folder)
    (again,) = restore("speed", out=out)
    assert again == folder
    assert read_any_record(again) == speed
    assert (again / "samples.parquet").read_bytes() == samples
    copy, refused = local_copy(out)
    assert refused == []
    assert [SpeedRecord.read(one) for one in find_runs(copy, "speed")] == [speed]


def test_a_folder_that_is_none_is_a_line(tmp_path: Path) -> None:
    warning = try_mirror(tmp_path, out=tmp_path)
    assert warning is not None
    assert "has no record.json" in warning


def test_names_that_mlflow_allows(speed: SpeedRecord) -> None:
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789 _-.") for name in SPEED.all_metrics(speed))
