import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.runs.run_folder import find_runs
from harness.runs.speed_folder import read_speed_record, write_speed
from harness.runs.tracking.client import open_client
from harness.runs.tracking.mirroring import mirror_all
from harness.runs.tracking.restoring import local_copy, mirrored_experiments, restore
from harness.runs.tracking.speed_mirroring import SPEED_ID, mirror_speed, speed_metrics, try_mirror_speed
from harness.throughput.benchmark import benchmark


@pytest.fixture
def folder(system, prepared, options, ceilings, migrated_runs):
    record, samples = benchmark(system, prepared, replace(options, workloads=options.workloads[:1]))
    return write_speed(migrated_runs, record, samples)


def test_a_measurement_is_mirrored_once(folder):
    out = folder.parent
    run_id = mirror_speed(folder, out=out)
    assert mirror_speed(folder, out=out) == run_id
    with open_client(out) as client:
        run = client.get_run(run_id)
        assert run.info.run_name == folder.name
        assert run.data.metrics["clips_per_second"] > 0
        assert run.data.params["system.name"] == "statistics"
        assert SPEED_ID in run.data.tags
        assert {file.path for file in client.list_artifacts(run_id)} == {"record.json", "samples.parquet"}


def test_track_mirrors_what_is_there(folder):
    [(found, outcome)] = mirror_all(folder.parent)
    assert (found, outcome.done) == (folder, True)


def test_the_folder_comes_back(folder):
    out = folder.parent
    record, samples = read_speed_record(folder), (folder / "samples.parquet").read_bytes()
    mirror_speed(folder, out=out)
    assert mirrored_experiments(out=out) == ["speed"]
    assert restore("speed", out=out) == [folder]
    shutil.rmtree(folder)
    (again,) = restore("speed", out=out)
    assert again == folder
    assert read_speed_record(again) == record
    assert (again / "samples.parquet").read_bytes() == samples
    copy, refused = local_copy(out)
    assert refused == []
    assert [read_speed_record(one) for one in find_runs(copy, "speed")] == [record]


def test_a_folder_that_is_none_is_a_line(tmp_path):
    assert "cannot read" in try_mirror_speed(tmp_path, out=tmp_path)


def test_names_that_mlflow_allows(system, prepared, options, ceilings):
    record, _ = benchmark(system, prepared, options)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789 _-.") for name, _ in speed_metrics(record))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["linear", "--workload", "dance"], "unknown workload 'dance'; known are index, query"),
        (["linear", "--device", "cuda:9"], "device 'cuda:9' cannot be used here"),
        (["linear", "--protocol", "dance"], "dance"),
        (["linear", "--compile"], "linear: linear cannot be compiled; leave --compile out"),
        (["nobody"], "nobody"),
    ],
)
def test_what_the_user_must_change(arguments, said, tmp_path):
    done = CliRunner().invoke(build(), ["bench", *arguments, "--out", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert said in done.output
