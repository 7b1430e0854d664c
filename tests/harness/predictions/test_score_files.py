"""Predictions files as people make them: the right value, or one line that says what is wrong."""

from pathlib import Path

import pytest

from harness.audio.clip import Clip
from harness.errors import UserError
from harness.predictions.scoring import Score, score_file
from harness.protocols.named import Protocol
from harness.protocols.relevance import Relevance
from harness.protocols.task import RetrievalTask
from harness.submission.editions.profiles import get_profile
from harness.submission.mending import mend
from harness.submission.output.expected import of_task

CLIPS = [f"c{number:02}.wav" for number in range(20)]
TASK = RetrievalTask(
    Protocol("twenty", "folder", "all", measures=("mAP@10", "R@1", "R@5")),
    tuple(Clip(name, Path(name)) for name in CLIPS),
    tuple(f"caption number {number}, with a comma" for number in range(20)),
    Relevance.from_lists([[number] for number in range(20)]),
    tuple(CLIPS),
)
REFUSED = {
    "semicolon": (r"line 1: has semicolons between its cells; expected commas: `lbar validate --fix`", 0),
    "index_col": (r"line 1: the header is ',caption,file_name_1,.*; expected caption,file_name_1,", 0),
    "m_transposed": (r"has a row per clip and a column per query; .* transpose it$", 0),
    "missing_row": (r"no row for 'caption number \d+, with a comma'", 0),
    "m_nan": (r"line \d+, column 'c\d\d.wav': 'nan'; expected a finite number$", 0),
    "m_commadec": (r"not a valid score matrix: 400 problems$", 400),
    "dup_in_row": (r"not a valid ranked list: 20 problems$", 20),
    "paths": (r"not a valid ranked list: 200 problems$", 200),
}

pytestmark = pytest.mark.shared


@pytest.fixture
def cases(shared: Path) -> Path:
    return shared / "cases" / "score-files"


def values(score: Score) -> dict[str, float]:
    return {one.name: round(one.value, 4) for one in score.measures}


@pytest.mark.parametrize("name", ["ok", "bom_crlf", "shuffled", "m_full"])
def test_what_is_right_is_scored(cases: Path, name: str) -> None:
    score = score_file(cases / f"{name}.csv", TASK)
    assert {key: values(score)[key] for key in ("mAP@10", "R@1")} == {"mAP@10": 0.556, "R@1": 0.35}
    assert (score.below_chance, score.ranks.tied_fraction) == (None, 0)


def test_short_lists_leave_measures_out(cases: Path) -> None:
    score = score_file(cases / "top5.csv", TASK)
    assert (score.left_out, values(score)["R@1"]) == (("mAP@10",), 0.35)


def test_rounded_scores_tie(cases: Path) -> None:
    score = score_file(cases / "m_1dec.csv", TASK)
    assert "55.00% of the queries tie" in score.to_text()


def test_distances_are_worse_than_chance(cases: Path) -> None:
    score = score_file(cases / "m_distance.csv", TASK)
    assert values(score)["mAP@10"] == 0.0112
    (line,) = [line for line in score.to_text().splitlines() if "chance" in line]
    assert line.startswith("worse than chance: mAP@10 0.0112, and a random order has 0.14")
    assert line.endswith("look whether these are distances, and write their negatives")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_one_line(cases: Path, name: str) -> None:
    message, problems = REFUSED[name]
    with pytest.raises(UserError, match=message) as caught:
        score_file(cases / f"{name}.csv", TASK)
    assert name != "m_commadec" or caught.value.problems[0].endswith("expected a finite number, with a decimal point")
    assert (len(caught.value.problems), "\n" in str(caught.value)) == (problems, False)


@pytest.mark.parametrize("name", ["semicolon", "paths"])
def test_what_can_be_mended_is_scored_then(cases: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / f"{name}.csv"
    source.write_bytes((cases / source.name).read_bytes())
    mended = mend(source, get_profile("dcase2024"), of_task(TASK), None).path
    assert mended is not None
    assert values(score_file(mended, TASK)) == values(score_file(cases / "ok.csv", TASK))
