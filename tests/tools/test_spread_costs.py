"""What spreading costs is what is left without the start, against one process."""

import sys
from pathlib import Path
from typing import Any

import pytest


def test_the_start_is_taken_off_and_workers_are_paid_for(tool: Any) -> None:
    place, alone = tool.Place("local:2", [], 2, float), tool.Cost(100, 100)
    told = tool.row(place, tool.Cost(5, 10), tool.Cost(65, 115), alone, True)
    assert told == "| local:2 | 5 s, 10 s | 60 s, 105 s | +5 % | 83 % | yes |"
    assert tool.row(place, tool.Cost(5, 10), tool.Cost(65, 115), alone, False).endswith("| NO |")
    assert tool.row(place, tool.Cost(5, 10), tool.Cost(5, 115), alone, True).endswith("| ? | yes |")


def test_records_that_differ_are_found(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def evaluated(command: list[str], out: Path, used: Any) -> Any:
        asked.append(command)
        return tool.Cost(10.0 + len(asked), 10.0 + len(asked))

    monkeypatch.setattr(tool, "evaluated", evaluated)
    monkeypatch.setattr(tool, "prepare", lambda *_: None)
    monkeypatch.setattr(tool, "found_in", lambda _: len(asked) < 6)
    monkeypatch.setattr(sys, "argv", ["spread_costs", "random", "--no-hosts"])
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert tool.main() == 1
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| one process", "| local:1", "| local:2"]
    assert [row.endswith("| yes |") for row in rows] == [True, True, False]
    assert "--on" not in asked[1]
    assert asked[3][-2:] == ["--on", "local:1"]
