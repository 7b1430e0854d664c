import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import UserError
from harness.runs.run_folder import find_runs, read_record
from harness.runs.tracking.mirroring import mirror, mirror_all
from harness.runs.tracking.place import tracking_place
from harness.runs.tracking.restoring import local_copy, restore

MakeRun = Callable[..., Path]


def test_the_command_makes_all_folders_again(migrated_runs: Path, make_run: MakeRun) -> None:
    folders = [make_run(migrated_runs, "a"), make_run(migrated_runs, "b", protocol="everyday-multi")]
    records = [read_record(folder) for folder in folders]
    mirror_all(migrated_runs)
    assert restore(None, out=migrated_runs) == folders, "present runs are left alone"
    for folder in folders:
        shutil.rmtree(folder)
    done = CliRunner().invoke(build(), ["restore", "--out", str(migrated_runs)], catch_exceptions=False)
    assert done.exit_code == 0
    assert sorted(done.stdout.split()) == sorted(map(str, find_runs(migrated_runs)))
    assert [read_record(folder) for folder in find_runs(migrated_runs)] == records


def test_the_copy_downloads_only_what_is_new(migrated_runs: Path, make_run: MakeRun) -> None:
    make_run(migrated_runs, "a")
    mirror_all(migrated_runs)
    copy, refused = local_copy(migrated_runs)
    assert (len(find_runs(copy)), refused) == (1, [])
    (first,) = find_runs(copy)
    before = first.stat().st_ino, (first / "record.json").stat().st_mtime_ns
    make_run(migrated_runs, "b")
    mirror_all(migrated_runs)
    assert local_copy(migrated_runs)[0] == copy
    assert len(find_runs(copy)) == 2
    assert (first.stat().st_ino, (first / "record.json").stat().st_mtime_ns) == before


def test_a_run_whose_record_is_damaged_in_mlflow_is_named_and_the_others_come(
    migrated_runs: Path, make_run: MakeRun
) -> None:
    make_run(migrated_runs, "a")
    bad = make_run(migrated_runs, "b")
    mirror_all(migrated_runs)
    (damaged,) = (path for path in (migrated_runs / "mlartifacts").rglob("record.json") if '"b"' in path.read_text())
    damaged.write_text("{")
    copy, ((name, reason),) = local_copy(migrated_runs)
    assert [read_record(folder).system.name for folder in find_runs(copy)] == ["a"]
    time, what = bad.name.split("-", 1)
    assert name == f"{what}-{time}"
    assert "record.json is damaged" in reason


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])


def test_a_copy_that_was_damaged_is_downloaded_again(migrated_runs: Path, make_run: MakeRun) -> None:
    folder = make_run(migrated_runs, "a")
    mirror_all(migrated_runs)
    copy, _ = local_copy(migrated_runs)
    (copied,) = find_runs(copy)
    for name in ("ranking.parquet", "record.json"):
        flip(copied / name)
        assert local_copy(migrated_runs) == (copy, [])
        (copied,) = find_runs(copy)
        assert (copied / name).read_bytes() == (folder / name).read_bytes()


def test_what_is_damaged_is_neither_mirrored_nor_restored(
    migrated_runs: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    folder = make_run(migrated_runs, "a")
    whole = (folder / "per_query.parquet").read_bytes()
    flip(folder / "per_query.parquet")
    ((_, outcome),) = mirror_all(migrated_runs)
    assert not outcome.done
    assert "per_query.parquet is damaged" in outcome.message
    (folder / "per_query.parquet").write_bytes(whole)
    ((_, outcome),) = mirror_all(migrated_runs)
    assert outcome.done
    (stored,) = (migrated_runs / "mlartifacts").rglob("ranking.parquet")
    flip(stored)
    shutil.rmtree(folder)
    with pytest.raises(UserError, match=r"ranking\.parquet of MLflow run \w+ was damaged there"):
        restore("everyday", out=migrated_runs)


def test_a_store_that_is_away_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match="MLflow at http://127.0.0.1:9 failed: .*refused"):
        local_copy(tmp_path)
    assert tracking_place(tmp_path) == "http://127.0.0.1:9"


def test_what_a_killed_process_left_is_in_nobodys_way(migrated_runs: Path, make_run: MakeRun) -> None:
    folder = make_run(migrated_runs, "a")
    run_id = mirror(folder, out=migrated_runs)
    shutil.rmtree(folder)
    (migrated_runs / f".incomplete-{run_id}").mkdir()
    (migrated_runs / f".incomplete-{run_id}" / "ranking.parquet").write_text("half")
    assert restore(run_id, out=migrated_runs) == [folder]
    assert not list(migrated_runs.glob(".incomplete-*"))


def test_a_server_that_hardly_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("LBAR_TRACKING_SECONDS", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for ask in (lambda: restore(None, out=tmp_path), lambda: local_copy(tmp_path), lambda: mirror_all(tmp_path)):
            (tmp_path / "a").mkdir(exist_ok=True)
            (tmp_path / "a" / "record.json").write_text("{}")
            with pytest.raises(UserError, match="took longer than 0.5 s"):
                ask()
