"""The law of cost goes through what was measured, and says of many workers what it says of one."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_a_line_is_found_and_its_error_said(tool: Any) -> None:
    assert tool.fitted([1, 2, 4], [3.0, 5.0, 9.0]) == (1.0, 2.0, 0.0)
    law = tool.fitted([1, 10, 100], [0.8, 10.0, 100.0])
    assert law.a == 0
    assert law.b == pytest.approx(3.25 / 3.5625)
    assert law.error > 0.1


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_workers_share_the_clips_until_the_command_itself_is_the_limit(tool: Any, workers: int) -> None:
    alone = tool.embedding_seconds(1_000_000, 0, 0.1, 1e-5, 3)
    shared = tool.embedding_seconds(1_000_000, workers, 0.1, 1e-5, 3)
    assert shared == pytest.approx(alone / workers + 3 + 1)
    assert tool.embedding_seconds(1_000_000, 64, 0.1, 1, 3) > 1_000_000
    assert tool.embedding_seconds(1, workers, 0.1, 1e-5, 3) < 3.3


def test_it_prints_tables(tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    laws = {
        "embed, clips of 10 s": tool.Law(0.0, 0.1, 0.02),
        "one query, clips": tool.Law(0.001, 1e-7, 0.1),
        "write a row": 1e-6,
        "start of local:1": 2.0,
        "hand out a shard": 0.002,
    }
    monkeypatch.setattr(tool, "measured", lambda *_: laws)
    monkeypatch.setattr(sys, "argv", ["cost_law", "random"])
    tool.main()
    said = capsys.readouterr().out
    assert "| embed, clips of 10 s | 0 + 0.1 · n | 2% |" in said
    assert "| 10,000,000 | 277 h 46 min |" in said
    assert said.splitlines()[-1].endswith("| 1e+03 ms |")


def test_it_prints_how_cost_grows(
    tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each part does its work; how long that takes is made up here: a tenth of a second more for each power of ten."""
    seconds = iter([0.1, 0.2] * len(tool.PARTS))

    def timed(work: Callable[[], object]) -> float:
        work()
        return next(seconds)

    monkeypatch.setattr(tool, "timed", timed)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- growth -->\n<!-- end -->\n")
    monkeypatch.setattr(sys, "argv", ["cost_law", "--growth", "10000", "--dimension", "4", "--page", str(page)])
    tool.main()
    said = capsys.readouterr().out
    head, _, *rows = said.splitlines()
    assert head == "| part | n = 1,000 | n = 10,000 | memory |"
    assert [row.split(" | ")[0] for row in rows[:-2]] == [f"| {part}" for part in tool.PARTS]
    assert all(" | 100 ms | 200 ms (0.30) | " in row for row in rows[:-2])
    assert rows[-1].endswith("with vectors of 4 numbers.")
    assert page.read_text() == f"before\n<!-- growth -->\n{said}<!-- end -->\n"
