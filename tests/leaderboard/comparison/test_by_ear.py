from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.runs.run_folder import read_record
from leaderboard.comparison.by_ear import Vote, add_vote, read_votes, votes_file
from leaderboard.comparison.comparing import compare_rows
from leaderboard.comparison.comparison_table import to_json
from leaderboard.runs.answers import read_answers
from leaderboard.runs.collecting import Row

MakeRun = Callable[..., Path]


@pytest.fixture
def rows(tmp_path: Path, make_run: MakeRun) -> list[Row]:
    folders = [make_run(tmp_path, name, quality=quality) for name, quality in (("good", 1.0), ("bad", -1.0))]
    return [Row(folder, read_record(folder)) for folder in folders]


def test_votes_agree_or_not_with_the_measure(rows: list[Row]) -> None:
    assert compare_rows(rows).by_ear == ()
    answers = read_answers(rows)
    difference = answers.values[0, :, 0] - answers.values[0, :, 1]
    good, bad = (row.record.id for row in rows)

    def vote(query: int, better: str, *, turned: bool = False) -> None:
        ids = (bad, good) if turned else (good, bad)
        folder = rows[1 if turned else 0].folder
        add_vote(folder, Vote(*ids, answers.clips[query], answers.queries[query], better))

    won, lost, tied = (int(found.argmax()) for found in (difference > 0, difference < 0, difference == 0))
    vote(won, "first")
    vote(won, "second", turned=True)
    vote(lost, "first")
    vote(tied, "second")
    vote(won, "equal")
    (found,) = compare_rows(rows[::-1]).by_ear
    assert asdict(found) == {
        "first": "good",
        "second": "bad",
        "measure": "mAP@10",
        "for_first": 3,
        "for_second": 1,
        "equal": 1,
        "agreed": 2,
        "decided": 3,
    }
    assert str(found) == "By ear, 5 votes: good 3, bad 1, equal 1; mAP@10 agrees with 2 of 3"
    assert to_json(compare_rows(rows), [])["by_ear"] == [asdict(found)]


def test_the_file_lies_beside_the_run_and_is_a_csv(rows: list[Row]) -> None:
    one = Vote("a", "b", "clip, 1.wav", 'a "quoted" query', "equal")
    add_vote(rows[0].folder, one)
    add_vote(rows[0].folder, one)
    path = votes_file(rows[0].folder)
    assert path.parent == rows[0].folder.parent
    assert path.read_text().startswith("time,first,second,clip,query,better\n2")
    assert read_votes(rows[0].folder) == [one, one]
    assert read_votes(rows[1].folder) == []


@pytest.mark.parametrize("text", ["a,b\n", "time,first,second,clip,query,better\n1,a,b,c,d,perhaps\n"])
def test_a_file_of_something_else_is_not_written_over(rows: list[Row], text: str) -> None:
    votes_file(rows[0].folder).write_text(text)
    with pytest.raises(UserError, match="better is one of first, second, equal"):
        add_vote(rows[0].folder, Vote("a", "b", "c", "d", "equal"))
    assert votes_file(rows[0].folder).read_text() == text
