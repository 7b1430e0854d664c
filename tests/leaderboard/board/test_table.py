import io
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.measures.summary import MeasureRecord
from harness.protocols.description import get_protocol
from harness.runs.records import EvaluationRecord, ProtocolRecord
from harness.runs.speed_record import SpeedRecord
from leaderboard.board.entries import standings
from leaderboard.board.table import render, to_json
from leaderboard.runs.collecting import Board, Row, SetAside
from leaderboard.runs.speed import Speed

HISTORIC = Path(__file__).parents[2] / "data" / "evaluation_v1.json"


def row(name: str, primary: float, *, protocol: str = "everyday", **changes: Any) -> Row:
    record = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
    rules = get_protocol(protocol)
    measures = tuple(
        MeasureRecord(
            name=measure, value=primary, optimistic=primary, low=max(primary - 0.022, 0.0), high=min(primary + 0.022, 1)
        )
        for measure in rules.measures
    )
    card = {"name": name} | {key: changes.pop(key) for key in ("parameters", "trained_on") if key in changes}
    update = {
        "created": datetime(2026, 5, 6, tzinfo=UTC),
        "protocol": ProtocolRecord.model_validate(rules),
        "system": record.system.model_copy(update=card),
        "measures": measures,
    }
    return Row(Path("runs") / name, record.model_copy(update=update | changes))


def text(board: Board, width: int) -> list[str]:
    file = io.StringIO()
    shown = render(standings(board, groups=False), board.set_aside, width)
    Console(file=file, width=width, highlight=False).print(shown)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_board_at_a_hundred_columns() -> None:
    rows = (
        row("random", 0.0148, parameters=0, trained_on=()),
        row("linear", 0.312, tied_fraction=0.003),
        row("passt-m3-clotho", 0.9901, parameters=440_000_000, trained_on=("audioset", "clotho")),
    )
    reasons = SetAside(Path("runs/x"), rows[1].record, "2 of 200 clips skipped")
    lines = text(Board(rows, (reasons,)), 100)
    assert lines[0] == "everyday, text-to-audio, 1,000 queries"
    assert lines[1].split() == ["system", "mAP@10", "R@1", "R@5", "R@10", "date"]
    assert [line.split()[:3] for line in lines if line[:1].isdigit()] == [
        ["1", "passt-m3-clotho", "0.990"],
        ["2", "linear", "0.312"],
        ["3", "random", "0.015"],
    ]
    assert any("0.9 M; everyday" in line and "[0.290, 0.334]" in line and "0.3% tied" in line for line in lines)
    assert any("[0.968, 1.000]" in line for line in lines)
    assert lines[-2:] == ["Not comparable", "  linear, everyday: 2 of 200 clips skipped"]


@pytest.mark.parametrize("protocol", ["everyday", "clotho-dcase2025"])
@pytest.mark.parametrize("width", [80, 100, 140])
def test_figures_are_whole_at_any_usual_width(protocol: str, width: int) -> None:
    rows = (row("passt-m3-clotho", 0.2, protocol=protocol, trained_on=("audioset", "wavcaps", "clotho")),)
    lines = text(Board(rows, ()), width)
    assert max(map(len, lines)) <= width
    count = len(get_protocol(protocol).measures)
    whole = "[0.178, 0.222]" if width >= 100 and count <= 4 else ".178-.222"
    assert sum(line.count(whole) for line in lines) == count
    assert sum(line.count("0.200") for line in lines) == count
    assert sum(line.count("2026-05-06") for line in lines) == 1
    assert "…" not in "".join(lines)
    assert "".join(lines).replace(" ", "").count("wavcaps") == 1


def test_a_system_that_uses_keywords_has_a_mark_and_a_note() -> None:
    hybrid = row("hybrid", 0.6)
    record = hybrid.record.model_copy(
        update={"system": hybrid.record.system.model_copy(update={"uses": ("keywords",)})}
    )
    lines = text(Board((row("linear", 0.5), Row(hybrid.folder, record)), ()), 140)
    assert [line.split()[:3] for line in lines if line[:1].isdigit()] == [
        ["1", "hybrid", "†"],
        ["2", "linear", "0.500"],
    ]
    assert sum(line.startswith("† uses what is written beside the clips (keywords)") for line in lines) == 1
    assert not any("†" in line for line in text(Board((row("linear", 0.5),), ()), 140))


def test_markup_in_names_is_text() -> None:
    lines = text(Board((row("[red]me[/red]", 0.5),), (SetAside(Path("[b]x"), None, "[/b] is broken"),)), 100)
    assert any("[red]me[/red]" in line for line in lines)
    assert lines[-1] == "  [b]x: [/b] is broken"


def test_the_order_does_not_depend_on_how_runs_were_found() -> None:
    rows = [row(f"s{index}", value) for index, value in enumerate([0.1, 0.3, 0.3, 0.2])]
    rows += [row("a", 0.5, protocol="clotho-dcase2024"), row("b", 0.6, protocol="everyday-multi")]
    expected = text(Board(tuple(rows), ()), 100)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert text(Board(tuple(rows), ()), 100) == expected


@pytest.mark.parametrize(("field", "label"), [("digest", "data"), ("audio_digest", "audio")])
def test_other_data_gets_another_table(field: str, label: str) -> None:
    def on(digest: str) -> EvaluationRecord:
        record = row("linear", 0.5).record
        return record.model_copy(update={"dataset": record.dataset.model_copy(update={field: digest})})

    lines = text(Board((Row(Path("a"), on("aaaaaaaaaa")), Row(Path("b"), on("bbbbbbbbbb"))), ()), 100)
    assert [line for line in lines if "queries" in line] == [
        f"everyday, text-to-audio, 1,000 queries, {label} aaaaaaaa",
        f"everyday, text-to-audio, 1,000 queries, {label} bbbbbbbb",
    ]


def test_json_holds_every_digit() -> None:
    board = Board((row("linear", 0.1 + 0.2),), (SetAside(Path("runs/x"), None, "is not JSON"),))
    document = to_json(standings(board, groups=False), board.set_aside)
    (standing,) = document["standings"]
    assert isinstance(standing, dict)
    assert standing["protocol"]["name"] == "everyday"
    (system,) = standing["systems"]
    assert (system["place"], system["system"]["name"]) == (1, "linear")
    assert system["measures"][0]["value"] == 0.1 + 0.2
    assert document["not_comparable"] == [{"run": "runs/x", "system": None, "protocol": None, "reason": "is not JSON"}]


def test_speeds_have_columns_of_their_own_where_there_are_any() -> None:
    one, other = row("fast", 0.3), row("unmeasured", 0.2)
    other = Row(
        other.folder,
        other.record.model_copy(
            update={"id": "e" * 32, "system": other.record.system.model_copy(update={"digest": None})}
        ),
    )
    measured = SpeedRecord.from_json((HISTORIC.parent / "speed_v1.json").read_text(encoding="utf-8"))
    figures = {"clips_per_second": 1234.5, "query_p95_seconds": 0.0042}
    changes = {"system": one.record.system, "environment": one.record.environment, "comparable": True, "reasons": ()}
    changes |= {"figures": measured.figures.model_copy(update=figures)}
    changes |= {"settings": measured.settings.model_copy(update={"device": "cuda"})}
    speed = Speed(Path("x"), measured.model_copy(update=changes))
    for width in (80, 100, 140):
        lines = text(Board((one, other), (), (speed,)), width)
        assert max(map(len, lines)) <= width
        assert any("fast" in line and "1,234/s" in line for line in lines)
        assert any("p95 4.2 ms" in line for line in lines)
        assert any(line.startswith("2") and line.count(" - ") == 1 for line in lines)
        assert any(line.startswith("Speed on NVIDIA H200: clips embedded") for line in lines)
