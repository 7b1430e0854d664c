"""Which system is better, by how much, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from harness.errors import UserError
from harness.measures import bootstrap_means, difference_intervals, holm, sign_flip_p_values
from harness.runs import EvaluationRecord
from leaderboard.comparison.groups import letters
from leaderboard.runs import Answers, Figure, Published, Row, find_rows, labels, read_answers, reason_against

ALPHA = 0.05
"""Of comparisons that belong together, the share of families in which chance may pass for a difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two systems by one measure.

    Attributes:
        first: the one that stands higher by the primary measure.
        second: the other one.
        measure: its name.
        value: the first's mean minus the second's.
        low: lower end of the 95 % interval of the difference.
        high: upper end.
        p_value: of the permutation test for this comparison alone.
        corrected: the same, corrected for all comparisons that were made together (Holm).
        won: number of queries on which the first is better.
        lost: on which the second is.
        tied: on which both are equal.
    """

    first: str
    second: str
    measure: str
    value: float
    low: float
    high: float
    p_value: float
    corrected: float
    won: int
    lost: int
    tied: int

    @property
    def told_apart(self) -> bool:
        """Whether this is more than chance."""
        return self.corrected <= ALPHA


@dataclass(frozen=True)
class Comparison:
    """Systems under one protocol, best first.

    Attributes:
        records: of the runs.
        systems: what they are called here.
        differences: of every pair by every measure.
        groups: by measure, a letter or more for each system; those that share one cannot be told apart.
    """

    records: tuple[EvaluationRecord, ...]
    systems: tuple[str, ...]
    differences: tuple[Difference, ...]
    groups: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class AgainstPublished:
    """A system's measure and what somebody printed: without their queries there is no paired test.

    `verdict` says where the printed figure lies, as exact as it was printed: within the system's 95 % interval, above
    it or below it.
    """

    system: str
    measure: str
    value: float
    low: float
    high: float
    published: Published
    figure: Figure
    verdict: Literal["within", "above", "below"]


def compare_rows(rows: Sequence[Row]) -> Comparison:
    """Compare runs pair by pair; with one there is nothing to compare, and only its record comes back.

    Raises:
        UserError: the runs may not be compared, or what they answered cannot be read.
    """
    refuse_unequal(rows)
    ranked = sorted(rows, key=lambda row: (-row.record.primary.value, row.record.system.name, row.record.id))
    records = tuple(row.record for row in ranked)
    if len(ranked) == 1:
        return Comparison(records, labels(records), (), {})
    return compare_answers(read_answers(ranked), records)


def compare_answers(answers: Answers, records: Sequence[EvaluationRecord]) -> Comparison:
    """Compare what systems answered; `records` are in the order of the answers' runs, best first."""
    systems = labels(records)
    count, measures = len(systems), len(answers.measures)
    pairs = list(combinations(range(count), 2))
    columns = answers.values.transpose(1, 0, 2).reshape(len(answers.clusters), measures * count)
    compared = [(of * count + a, of * count + b) for of in range(measures) for a, b in pairs]
    bounds = difference_intervals(bootstrap_means(columns, answers.clusters), compared)
    p_values = sign_flip_p_values(columns, answers.clusters, compared)
    corrected = holm(p_values)
    differences = []
    for index, (first, second) in enumerate(compared):
        apart = columns[:, first] - columns[:, second]
        differences.append(
            Difference(
                first=systems[first % count],
                second=systems[second % count],
                measure=answers.measures[first // count],
                value=float(apart.mean()),
                low=float(bounds[index, 0]),
                high=float(bounds[index, 1]),
                p_value=float(p_values[index]),
                corrected=float(corrected[index]),
                won=int(np.count_nonzero(apart > 0)),
                lost=int(np.count_nonzero(apart < 0)),
                tied=int(np.count_nonzero(apart == 0)),
            )
        )
    groups = {}
    for of, name in enumerate(answers.measures):
        order = np.argsort(-answers.values[of].mean(axis=0), kind="stable")
        place = np.argsort(order)
        found = differences[of * len(pairs) : (of + 1) * len(pairs)]
        apart_places = [
            (int(place[a]), int(place[b])) for (a, b), one in zip(pairs, found, strict=True) if one.told_apart
        ]
        in_order = letters(count, apart_places)
        groups[name] = tuple(in_order[place[system]] for system in range(count))
    return Comparison(tuple(records), systems, tuple(differences), groups)


def groups_by_primary(answers: Answers, primary: str) -> tuple[str, ...]:
    """Letters of systems that are given best first: the board's groups, by the primary measure alone."""
    pairs = list(combinations(range(answers.values.shape[2]), 2))
    corrected = holm(sign_flip_p_values(answers.of(primary), answers.clusters, pairs))
    return letters(answers.values.shape[2], [pair for pair, p in zip(pairs, corrected, strict=True) if p <= ALPHA])


def against_published(record: EvaluationRecord, results: Sequence[Published]) -> tuple[AgainstPublished, ...]:
    """Set each measure of a run beside what was published under its protocol."""
    found = []
    for result in results:
        for measure in record.measures:
            figure = result.measures.get(measure.name)
            if figure is None:
                continue
            verdict: Literal["within", "above", "below"] = "within"
            if figure.value - figure.rounding > measure.high:
                verdict = "above"
            elif figure.value + figure.rounding < measure.low:
                verdict = "below"
            found.append(
                AgainstPublished(
                    system=record.system.name,
                    measure=measure.name,
                    value=measure.value,
                    low=measure.low,
                    high=measure.high,
                    published=result,
                    figure=figure,
                    verdict=verdict,
                )
            )
    return tuple(found)


def refuse_unequal(rows: Sequence[Row]) -> None:
    """Raise where runs may not be compared.

    Raises:
        UserError: one of them is not comparable, two are the same run, or they followed different rules or data.
    """
    first = rows[0].record
    for index, row in enumerate(rows):
        if (reason := reason_against(row.record)) is not None:
            raise UserError(f"{row.folder} may not be compared: {reason}")
        twin = next((other for other in rows[:index] if other.record.id == row.record.id), None)
        if twin is not None:
            raise UserError(f"{row.folder} and {twin.folder} are one run; name two")
        for what, one, other in (
            ("protocol", first.protocol.name, row.record.protocol.name),
            ("queries or relevance", first.dataset.digest, row.record.dataset.digest),
            ("audio files", first.dataset.audio_digest, row.record.dataset.audio_digest),
        ):
            if one != other:
                raise UserError(
                    f"{rows[0].folder} and {row.folder} differ in their {what} ({(one or 'unknown')[:24]} and "
                    f"{(other or 'unknown')[:24]}); only runs of one protocol on one data set can be compared"
                )


def compare(*runs: str | Path, out: str | Path = "runs", protocol: str | None = None) -> Comparison:
    """Compare runs: folders, their names in `out`, or systems, whose newest runs they are.

    Args:
        runs: two or more.
        out: the folder of run folders.
        protocol: under which systems are looked for; without it the one under which all of them have a run.

    Raises:
        UserError: a run is not there, or the runs may not be compared.
    """
    return compare_rows(find_rows([str(run) for run in runs], Path(out), protocol))
