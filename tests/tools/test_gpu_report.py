"""The report of what a GPU reaches, on the CPU with the small systems."""

import json
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
        (1, "fp32"),
        (1, "bf16"),
        (2, "fp32"),
        (2, "bf16"),
    ]
    assert report["parts"]["A query"][0]["p50 ms"] <= report["parts"]["A query"][0]["p95 ms"]
    (row,) = report["parts"]["An evaluation from files"]
    assert row["clips a second"] == pytest.approx(row["clips"] / row["seconds"])
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


def test_no_part_begins_when_the_time_is_over(tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "parts", lambda *_: {"A": lambda: iter([{"clips": 1}])})
    assert tool.main(["--small", "--minutes", "-1", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "report.json").read_text())["missing"] == {"A": "no time was left"}


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="a GPU is here")
def test_without_a_gpu_the_small_ones_are_pointed_at(
    tool: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(["--out", str(tmp_path)]) == 2
    assert "--small" in capsys.readouterr().err
