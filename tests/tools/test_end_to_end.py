"""The split of an evaluation from files by stage, with a small system."""

from typing import Any

import pytest


def test_what_it_prints(tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LBAR_CACHE", "the tool sets another")
    tool.main(["tiny-mn", "--clips", "2", "--sample", "1", "--precision", "fp32", "--processor"])
    said = capsys.readouterr().out
    assert said.startswith("tiny-mn, fp32: 2 clips, 10 captions\n\n| stage | seconds | share |\n")
    rows = [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ")]
    assert {"| decode and resample, once", "| encode", "| mel", "| the rest", "| all"} <= set(rows)
    assert "measured on 1 clips" in said
