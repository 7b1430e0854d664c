"""The report of what a GPU reaches, on the CPU with the small systems."""

import json
import time
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_every_part_is_measured_with_the_small_systems(tool: Any, tmp_path: Path) -> None:
    assert tool.main(["--small", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["missing"] == {}
    encoders = report["parts"]["Encoders"]
    assert [(row["precision"], row["what"]) for row in encoders] == [
        ("fp32", "clips"),
        ("fp32", "captions"),
        ("bf16", "clips"),
        ("bf16", "captions"),
    ]
    for row in encoders:
        assert row["a second"] > 0
        assert 0 < row["share of the matrix peak"] < 1.5
        assert row["least cosine to fp32"] > 0.99
    assert [(row["stage"], row["precision"]) for row in report["parts"]["A training step"]] == [
        (1, "bf16"),
        (2, "bf16"),
        (1, "fp32, plainly"),
        (2, "fp32, plainly"),
    ]
    assert report["parts"]["A query"][0]["p50 ms"] <= report["parts"]["A query"][0]["p95 ms"]
    files = report["parts"]["An evaluation from files"]
    assert [(row["clips"], row["batch"]) for row in files] == [
        ("3, from files", None),
        ("3, decoded before", None),
        ("3, decoded before", 256),
    ]
    for row in files:
        assert row["clips a second"] == pytest.approx(3 / row["seconds"])
    page = (tmp_path / "report.md").read_text()
    assert page.count("\n| ---") == 4
    assert "Not measured" not in page


def test_what_fails_is_named_and_the_rest_is_kept(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> Any:
        raise RuntimeError("out of memory\nat length")

    monkeypatch.setattr(tool, "parts", lambda *_: {"A": full, "B": lambda: iter([{"clips": 12345, "ms": 0.123456}])})
    assert tool.main(["--small", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "gpu_report: A: RuntimeError: out of memory at length\n"
    page = (tmp_path / "report.md").read_text()
    assert "| 12,345 | 0.1235 |" in page
    assert page.endswith("Not measured: A (RuntimeError: out of memory at length).\n")


def test_a_part_ends_when_the_time_is_over_and_no_other_begins(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def long() -> Any:
        yield {"clips": 1}
        time.sleep(60)

    monkeypatch.setattr(tool, "parts", lambda *_: {"A": long, "B": lambda: iter([{"clips": 2}])})
    page = tmp_path / "page.md"
    page.write_text("<!-- gpu -->\nnot yet\n<!-- end -->\n")
    arguments = ["--small", "--minutes", "0.005", "--out", str(tmp_path), "--page", str(page)]
    assert tool.main(arguments) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["missing"] == {"A": "no time was left", "B": "no time was left"}
    assert report["parts"] == {"A": [{"clips": 1}], "B": []}
    assert report["seconds"]["A"] < 30
    assert "Not measured: the rest of A (no time was left).\nNot measured: B (no time was left)." in page.read_text()
    assert "not yet" not in page.read_text()


def test_a_row_is_kept_before_the_next_is_measured(tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed() -> Any:
        yield {"clips": 1}
        raise KeyboardInterrupt

    monkeypatch.setattr(tool, "parts", lambda *_: {"A": killed})
    with pytest.raises(KeyboardInterrupt):
        tool.main(["--small", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "report.json").read_text())["parts"] == {"A": [{"clips": 1}]}


def test_a_step_is_timed_until_the_device_has_done_it(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step gives nothing back that a clock would wait for, so that each has to wait by itself."""
    waited: list[str] = []
    monkeypatch.setattr(tool, "synchronise", waited.append)
    rows = list(tool.steps(tool.SMALL, "cpu"))
    # Each of the four is done once, warmed up, timed, and its memory found.
    assert len(rows) == 4
    assert waited == ["cpu"] * 16


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="a GPU is here")
def test_without_a_gpu_the_small_ones_are_pointed_at(
    tool: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(["--out", str(tmp_path)]) == 2
    assert "--small" in capsys.readouterr().err
