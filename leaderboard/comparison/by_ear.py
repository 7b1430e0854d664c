"""Votes of people who heard two systems' answers to a query, and how they agree with the measures.

They are kept in a CSV file beside the run folder of the first system: a row per vote, which names runs by their ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from operator import mul
from pathlib import Path
from typing import NamedTuple

from harness.datasets import MOST_KEPT_BYTES, read_rows, write_rows
from harness.errors import UserError
from leaderboard.runs import Answers, Row

BETTER = ("first", "second", "equal")
_HEADER = ("time", "first", "second", "clip", "query", "better")


class Vote(NamedTuple):
    """What somebody heard.

    Attributes:
        first: id of a run.
        second: id of the other.
        clip: that the query was written for.
        query: the words.
        better: `first`, `second` or `equal`.
    """

    first: str
    second: str
    clip: str
    query: str
    better: str


@dataclass(frozen=True, slots=True)
class ByEar:
    """The votes on two systems.

    Attributes:
        first: the system that is better by the primary measure.
        second: the other.
        measure: the primary measure.
        for_first: votes for the first.
        for_second: votes for the second.
        equal: votes for neither.
        agreed: votes for the system that is better at this query by the measure.
        decided: votes for one of them where the measure differs, too.
    """

    first: str
    second: str
    measure: str
    for_first: int
    for_second: int
    equal: int
    agreed: int
    decided: int

    def __str__(self) -> str:
        """All of it in a line."""
        votes = self.for_first + self.for_second + self.equal
        counts = f"{self.first} {self.for_first:,}, {self.second} {self.for_second:,}, equal {self.equal:,}"
        agreement = f"; {self.measure} agrees with {self.agreed:,} of {self.decided:,}" if self.decided else ""
        return f"By ear, {votes:,} votes: {counts}{agreement}"


def votes_file(folder: Path) -> Path:
    """The file of the votes in which the run in a folder is the first."""
    return folder.with_name(f"{folder.name}.votes.csv")


def read_votes(folder: Path) -> list[Vote]:
    """The votes beside a run; none where nobody has voted.

    Raises:
        UserError: the file is not one of votes.
    """
    path = votes_file(folder)
    if not path.exists():
        return []
    (_, header), *rows = read_rows(path, most_bytes=MOST_KEPT_BYTES)
    wrong = next((line for line, cells in rows if len(cells) != len(_HEADER) or cells[-1] not in BETTER), None)
    if tuple(header) != _HEADER or wrong is not None:
        expected = f"{','.join(_HEADER)}; better is one of {', '.join(BETTER)}"
        raise UserError(f"{path}, line {wrong or 1}: expected {expected}")
    return [Vote(*cells[1:]) for _, cells in rows]


def add_vote(folder: Path, vote: Vote) -> None:
    """Write a vote behind the others beside a run.

    Raises:
        UserError: the file cannot be read or written.
    """
    read_votes(folder)
    path = votes_file(folder)
    before = [cells for _, cells in read_rows(path)] if path.exists() else [_HEADER]
    write_rows(path, [*before, (f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", *vote)])


def heard(rows: Sequence[Row], systems: Sequence[str], answers: Answers) -> tuple[ByEar, ...]:
    """The votes on every two of some runs that there are votes on.

    Args:
        rows: the runs, best first.
        systems: their names.
        answers: theirs.
    """
    votes = [vote for row in rows for vote in read_votes(row.folder)]
    if not votes:
        return ()
    place = {key: query for query, key in enumerate(zip(answers.clips, answers.queries, strict=True))}
    found = []
    for first, second in combinations(range(len(rows)), 2):
        ids = {rows[first].record.id: 1, rows[second].record.id: -1}
        of_both = [vote for vote in votes if {vote.first, vote.second} == set(ids)]
        if of_both:
            found.append(_counted(of_both, ids, (systems[first], systems[second]), answers, (first, second), place))
    return tuple(found)


def _counted(
    votes: Sequence[Vote],
    sign: Mapping[str, int],
    names: tuple[str, str],
    answers: Answers,
    runs: tuple[int, int],
    place: Mapping[tuple[str, str], int],
) -> ByEar:
    measure = answers.measures[0]
    values = answers.of(measure)
    said = [0 if vote.better == "equal" else sign[getattr(vote, vote.better)] for vote in votes]
    measured = []
    for vote in votes:
        query = place.get((vote.clip, vote.query))
        measured.append(0.0 if query is None else float(values[query, runs[0]] - values[query, runs[1]]))
    decided = [product for product in map(mul, said, measured) if product]
    return ByEar(
        *names,
        measure,
        for_first=said.count(1),
        for_second=said.count(-1),
        equal=said.count(0),
        agreed=sum(product > 0 for product in decided),
        decided=len(decided),
    )
