import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import leaderboard
from harness.runs.run_folder import find_runs
from harness.runs.tracking.client import open_client
from harness.runs.tracking.mirroring import mirror_all

MakeRun = Callable[..., Path]


def test_runs_are_rows_and_those_apart_say_why(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, "weak", quality=-1.0)
    make_run(tmp_path, "strong", quality=1.0)
    make_run(tmp_path, "apart", comparable=False, reasons=("3 of 40 clips skipped",))
    frame = leaderboard.board(tmp_path)
    assert frame["system"].tolist() == ["strong", "weak", "apart"]
    assert frame["place"].tolist()[:2] == [1, 2]
    assert pd.isna(frame["place"][2])
    assert frame["reason"].tolist() == ["", "", "3 of 40 clips skipped"]
    assert (frame["mAP@10.low"] <= frame["mAP@10"]).all()
    assert frame.columns[:4].tolist() == ["protocol", "place", "group", "system"]
    assert len(leaderboard.board(tmp_path, protocol="everyday-multi")) == 0
    assert leaderboard.board(tmp_path / "absent").empty


def test_mlflow_gives_the_same_frame(tmp_path: Path, migrated_runs: Path, make_run: MakeRun) -> None:
    for name, changes in (("a", {}), ("b", {"quality": 1.0}), ("c", {"comparable": False, "reasons": ("why not",)})):
        make_run(migrated_runs, name, **changes)
    mirror_all(migrated_runs)
    expected = leaderboard.board(migrated_runs).drop(columns="run")
    from_mlflow = leaderboard.board(migrated_runs, mlflow=True).drop(columns="run")
    pd.testing.assert_frame_equal(from_mlflow, expected)
    moved = tmp_path / "moved"
    shutil.copytree(migrated_runs, moved, ignore=lambda _, names: [name for name in names if name[:2] == "20"])
    assert find_runs(moved) == []
    again = leaderboard.board(moved, mlflow=True).drop(columns="run")
    pd.testing.assert_frame_equal(again, expected)


def test_what_is_deleted_in_mlflow_leaves_the_board(migrated_runs: Path, make_run: MakeRun) -> None:
    for name in "ab":
        make_run(migrated_runs, name)
    run_ids = [outcome.message for _, outcome in mirror_all(migrated_runs)]
    assert len(leaderboard.board(migrated_runs, mlflow=True)) == 2
    with open_client(migrated_runs) as client:
        client.delete_run(run_ids[0])
    assert leaderboard.board(migrated_runs, mlflow=True)["system"].tolist() == ["b"]


def test_public_names_compare_by_name(tmp_path: Path, make_run: MakeRun) -> None:
    for name, quality in (("weak", -1.0), ("strong", 1.0)):
        make_run(tmp_path, name, quality=quality)
    result = leaderboard.compare("weak", "strong", out=tmp_path)
    assert result.systems == ("strong", "weak")
    with pytest.raises(AttributeError, match="attribute loda"):
        leaderboard.loda  # noqa: B018


def test_the_board_is_a_function_however_it_was_imported(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path, "one")
    code = "{}import leaderboard; print(leaderboard.board({!r}).system.tolist())"
    for first in ("", "import leaderboard.board; ", "from leaderboard.board import standings; "):
        command = [sys.executable, "-c", code.format(first, str(tmp_path))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "['one']\n"


def test_the_former_name_warns(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="leaderboard.load is now called leaderboard.board"):
        assert leaderboard.load(tmp_path).empty
