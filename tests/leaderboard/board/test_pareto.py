from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.runs.records import EvaluationRecord
from leaderboard.board.axes import get_axis
from leaderboard.board.entries import Entry, Standing, Value, standings
from leaderboard.board.pareto import draw, points
from leaderboard.cli.board import board
from leaderboard.runs.collecting import collect

HISTORIC = Path(__file__).parents[2] / "data" / "evaluation_v1.json"
RECORD = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
MakeRun = Callable[..., Path]


def standing(*systems: tuple[int, float]) -> Standing:
    entries = tuple(
        Entry(f"s{index}", {"mAP@10": Value(value, value - 0.02, value + 0.02)}, index + 1, parameters=parameters)
        for index, (parameters, value) in enumerate(systems)
    )
    return Standing(RECORD.protocol, RECORD.dataset, "", ("mAP@10",), entries)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=12))
def test_on_the_front_is_who_no_other_beats(systems: list[tuple[int, int]]) -> None:
    found = points(standing(*systems), get_axis("parameters"))
    assert sorted((round(1e6 * one.cost), one.value) for one in found) == sorted(systems)
    for one in found:
        dominated = any(
            other.cost <= one.cost and other.value >= one.value and (other.cost, other.value) != (one.cost, one.value)
            for other in found
        )
        twins = [other for other in found if (other.cost, other.value) == (one.cost, one.value)]
        assert sum(twin.on_front for twin in twins) == (0 if dominated else 1)


def test_throughput_is_better_the_more_there_is() -> None:
    axis = replace(get_axis("throughput"), of=get_axis("parameters").of)
    found = points(standing((100, 0.5), (50, 0.4), (50, 0.7)), axis)
    assert [(one.label, one.on_front) for one in found] == [("s0", True), ("s2", True), ("s1", False)]


def test_systems_of_unknown_cost_are_left_out() -> None:
    assert [one.label for one in points(standing((0, 0.9), (7, 0.1)), get_axis("parameters"))] == ["s1"]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_it_is_drawn_and_the_same_every_time(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plot{suffix}"
    what = standing((100_000, 0.6), (20_000_000, 0.3), (1_000, 0.1))
    draw(what, get_axis("parameters"), path)
    first = path.read_bytes()
    draw(what, get_axis("parameters"), path)
    assert suffix == ".pdf" or path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("label", ["$x_{ $ <b>", "$x^2$", r"\$ and $y$"])
def test_names_that_look_like_mathematics_are_drawn_as_they_are(tmp_path: Path, label: str) -> None:
    one = standing((1, 0.5))
    named = replace(one, entries=(replace(one.entries[0], label=label),))
    draw(named, get_axis("parameters"), tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    # Before the drawing of each text the file has the text itself; letters of mathematics would be oblique.
    assert f"<!-- {escape(label)} -->" in drawn
    assert "Oblique" not in drawn


def test_what_cannot_be_drawn_is_one_line(tmp_path: Path, make_run: MakeRun) -> None:
    what = standing((1, 0.5))
    with pytest.raises(UserError, match="no system of everyday has a figure for gflops; it comes from a speed record"):
        draw(what, get_axis("gflops"), tmp_path / "a.svg")
    with pytest.raises(UserError, match="name a file that ends in .svg, .pdf or .png"):
        draw(what, get_axis("parameters"), tmp_path / "a.docx")
    with pytest.raises(UserError, match="cannot write"):
        draw(what, get_axis("parameters"), tmp_path / "absent" / "a.svg")
    assert list(tmp_path.iterdir()) == []
    make_run(tmp_path / "runs", "a")
    make_run(tmp_path / "runs", "a", protocol="everyday-multi")
    with pytest.raises(UserError, match="a plot is of one protocol and there are 2"):
        board(tmp_path / "runs", plot=tmp_path / "a.svg")
    board(tmp_path / "runs", ["everyday"], plot=tmp_path / "a.svg")
    assert (tmp_path / "a.svg").exists()
    assert len(standings(collect(tmp_path / "runs"))) == 2
