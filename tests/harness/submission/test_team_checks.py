"""What the checks of scores say at their boundaries."""

from pathlib import Path

import pytest

from harness.audio.clip import Clip
from harness.protocols.named import Protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask
from harness.submission.team_checks import SCORE_CHECKS, Scored, _rounding


def found(recall: float | None, items: int) -> list[str]:
    clips = tuple(Clip(f"{number}.wav", Path("x")) for number in range(items))
    task = RetrievalTask(Protocol("some", "folder", "all"), clips, ("x",), Relevance.from_lists([[0]]), ("0.wav",))
    scored = Scored(task, "ranked-list", {} if recall is None else {"R@10": recall}, None, "")
    return [finding.found for check in SCORE_CHECKS for finding in check.look(scored)]


@pytest.mark.parametrize(
    ("recall", "items", "told"),
    [
        (0.0, 100, True),
        (0.149, 100, True),
        (0.234375, 64, False),
        (0.9, 100, False),
        (None, 100, False),
        (0.1, 20, False),
    ],
)
def test_less_than_half_as_much_again_as_chance(recall: float | None, items: int, told: bool) -> None:
    assert found(recall, items) == ([f"R@10 {recall:.4f} on some"] if told else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", 0.005),
        ("0.50", 0.005),
        ("0.512", 0.0005),
        ("5e-1", 0.005),
        ("5.12e-3", 5e-6),
        ("5e-4", 5e-5),
        ("1", 0.005),
    ],
)
def test_how_far_a_number_may_be_from_what_it_was_rounded_from(text: str, expected: float) -> None:
    assert _rounding(text) == pytest.approx(expected, abs=2e-12)
