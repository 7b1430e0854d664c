"""Whether a teacher's average precision predicts what its student gains."""

import json
from pathlib import Path
from typing import Any

import pytest


def test_a_teacher_has_itself_as_its_student_and_three_have_three(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems = ["tiny-passt", "tiny-atst", "tiny-mn"]
    said = [{"teachers": teachers, "others_estimated": {"mean": 0.3}} for teachers in (systems[:1], systems)]
    (tmp_path / "agreement.jsonl").write_text("\n".join(map(json.dumps, said)))
    asked: list[tuple[str, ...]] = []

    class Seeds:
        def gain(self, pairs: list[tuple[str, str]], measure: str) -> Any:
            asked.append((*pairs[0], measure))
            return tool.NamedTuple("Gain", [("value", float)])(0.1)

    monkeypatch.setattr(tool, "read_seeds", lambda *_: Seeds())
    found = tool.points("everyday", tmp_path / "agreement.jsonl", tmp_path)
    assert [(point.before, point.teachers) for point in found] == [("tiny-passt", 1), *((name, 3) for name in systems)]
    assert asked[0] == ("tiny-passt-m1", "tiny-passt", "mAP@10")
    assert [pair[0] for pair in asked[1:]] == [f"{name}-m3" for name in systems]


def test_a_line_through_points_on_a_line(tool: Any, tmp_path: Path) -> None:
    found = [
        tool.Point(name, 1, x, 0.5 * x - 0.1) for name, x in (("tiny-mn", 0.2), ("tiny-atst", 0.3), ("tiny-mn", 0.5))
    ]
    line = tool.fitted(found)
    assert line == pytest.approx((0.5, -0.1, 1.0))
    tool.draw(found, line, tmp_path / "gains.svg")
    text = (tmp_path / "gains.svg").read_text()
    tool.draw(found, line, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text
