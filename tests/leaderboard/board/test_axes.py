"""A plot axis is one entry, which the command and the page know."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import UserError
from leaderboard.board import axes
from leaderboard.board.axes import Axis, axis_names, get_axis
from leaderboard.board.entries import standings
from leaderboard.report.board_data import board_document
from leaderboard.runs.collecting import collect

MakeRun = Callable[..., Path]


def test_a_new_one_is_an_entry(tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = Axis("letters", "letters in the name", lambda entry: len(entry.label), source="from its name")
    monkeypatch.setattr(axes, "AXES", (*axes.AXES, letters))
    for name in ("a", "bcd"):
        make_run(tmp_path / "runs", name)
    arguments = ["board", "--out", str(tmp_path / "runs"), "--plot", str(tmp_path / "plot.svg"), "--against", "letters"]
    done = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "letters in the name" in (tmp_path / "plot.svg").read_text()
    document = board_document(standings(collect(tmp_path / "runs")), ())
    assert document["axes"][-1] == {  # type: ignore[index]
        "name": "letters",
        "label": "letters in the name",
        "less": True,
        "style": "decimal",
    }
    (standing,) = document["standings"]  # type: ignore[misc]
    assert {entry["label"]: entry["costs"]["letters"] for entry in standing["entries"]} == {"a": 1, "bcd": 3}


def test_an_axis_by_name() -> None:
    assert [get_axis(name).name for name in axis_names()] == axis_names()
    with pytest.raises(UserError, match="unknown axis 'flops'; did you mean 'gflops'. Known are parameters"):
        get_axis("flops")
