import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness.runs.run_folder import find_runs, read_record
from harness.runs.tracking.client import open_client
from harness.runs.tracking.mirroring import mirror, mirror_all
from harness.runs.tracking.restoring import restore

MakeRun = Callable[..., Path]


@pytest.fixture
def runs(migrated_runs: Path, make_run: MakeRun) -> Path:
    """A folder of one mirrored run, with a blank in its name."""
    folder = migrated_runs.rename(migrated_runs.with_name("my runs"))
    mirror(make_run(folder, "a"), out=folder)
    return folder


def locations(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        query = "SELECT artifact_uri FROM runs UNION SELECT artifact_location FROM experiments WHERE name = 'everyday'"
        return {location for (location,) in connection.execute(query)}


@pytest.mark.parametrize("how", [os.rename, shutil.copytree], ids=["moved", "copied"])
def test_files_are_found_and_new_ones_put_where_the_folder_is_now(
    how: Callable[[Path, Path], object], runs: Path, tmp_path: Path, make_run: MakeRun
) -> None:
    elsewhere = tmp_path / "elsewhere" / "runs"
    elsewhere.parent.mkdir()
    how(runs, elsewhere)
    record = read_record(find_runs(elsewhere)[0])
    shutil.rmtree(find_runs(elsewhere)[0])
    (restored,) = restore(None, out=elsewhere)
    assert read_record(restored) == record
    mirror(make_run(elsewhere, "b"), out=elsewhere)
    assert len(list((elsewhere / "mlartifacts" / "everyday").glob("*/artifacts/record.json"))) == 2
    assert runs.exists() == (how is shutil.copytree)
    assert all(location.startswith(elsewhere.as_uri()) for location in locations(elsewhere))


def test_what_went_into_the_old_folder_after_the_move_is_still_found_there(
    runs: Path, tmp_path: Path, make_run: MakeRun
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(runs, elsewhere)
    mirror(make_run(runs, "late"), out=runs)
    shutil.copy(runs / "mlflow.db", elsewhere)
    assert len(restore("everyday", out=elsewhere)) == 2
    assert len({location.rpartition("/mlartifacts/")[0] for location in locations(elsewhere)}) == 2


def test_a_database_that_was_copied_alone_goes_on_using_the_files(runs: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(runs / "mlflow.db", alone)
    assert len(restore("everyday", out=alone)) == 1
    assert locations(alone) == locations(runs)


def test_a_moved_folder_that_nobody_read_from_yet_can_be_tracked(runs: Path, tmp_path: Path) -> None:
    moved = runs.rename(tmp_path / "moved")
    ((_, outcome),) = mirror_all(moved)
    assert outcome.done
    assert not runs.exists()


def test_nothing_is_written_where_nothing_has_moved(runs: Path) -> None:
    before = (runs / "mlflow.db").stat().st_mtime_ns
    with open_client(runs):
        pass
    assert (runs / "mlflow.db").stat().st_mtime_ns == before
