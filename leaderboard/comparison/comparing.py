"""Which system is better, by how much, and whether the difference is significant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.machine import html_table
from harness.measures import bootstrap_means, detectable_differences, difference_intervals, holm, sign_flip_p_values
from harness.runs import EvaluationRecord
from leaderboard.comparison.by_ear import ByEar, heard
from leaderboard.comparison.groups import letters
from leaderboard.comparison.wording import explained, p_text
from leaderboard.results import RESULTS
from leaderboard.runs import Answers, Figure, Published, Row, find_rows, labels, read_answers, reason_against

ALPHA = 0.05
"""Family-wise error rate: the probability that any of the comparisons made together is a false positive."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two systems by one measure.

    Attributes:
        first: the system that is better by the primary measure.
        second: the other system.
        measure: name of the measure.
        value: mean of the first system minus mean of the second.
        low: lower end of the 95 % interval of the difference.
        high: upper end of that interval.
        p_value: p-value of the permutation test for this comparison alone.
        corrected: the p-value, corrected by Holm for all comparisons made together.
        won: number of queries on which the first system is better.
        lost: number of queries on which the second system is better.
        tied: number of queries on which both are equal.
        detectable: the least difference that these clips tell apart with a chance of 80 %, at the corrected level.
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
    detectable: float

    @property
    def told_apart(self) -> bool:
        """Whether the difference is significant at the level `ALPHA`."""
        return self.corrected <= ALPHA


@dataclass(frozen=True, repr=False)
class Comparison:
    """Systems under one protocol, best first.

    Attributes:
        records: the records of the runs.
        systems: their names, made unique.
        differences: the difference of every pair of systems by every measure.
        groups: by measure, one or more letters for each system; systems that share one do not differ significantly.
        by_ear: what people heard of every two systems that they voted on.
    """

    records: tuple[EvaluationRecord, ...]
    systems: tuple[str, ...]
    differences: tuple[Difference, ...]
    groups: dict[str, tuple[str, ...]]
    by_ear: tuple[ByEar, ...] = ()

    @property
    def primary(self) -> str:
        """The measure by which the systems are ordered."""
        return self.records[0].protocol.primary

    @property
    def title(self) -> str:
        """Protocol, direction and number of queries in a line."""
        first = self.records[0]
        return f"{first.protocol.name}, {first.protocol.direction}, {first.dataset.queries:,} queries"

    def __repr__(self) -> str:
        """The systems by the primary measure, best first, with the letters of their groups."""
        letters = self.groups.get(self.records[0].protocol.primary, [""] * len(self.systems))
        found = zip(self.systems, self.records, letters, strict=True)
        systems = "; ".join(f"{system} {record.primary} {group}".rstrip() for system, record, group in found)
        return f"Comparison({self.title}: {systems})"

    def _repr_html_(self) -> str:
        """The same tables as `lbar compare` prints, for a notebook."""
        return _html(self)


def _html(comparison: Comparison) -> str:
    """The measures of the systems with the letters of their groups, and their differences pair by pair."""
    names = [measure.name for measure in comparison.records[0].measures]
    rows = []
    for index, (system, record) in enumerate(zip(comparison.systems, comparison.records, strict=True)):
        by_name = {measure.name: measure.value for measure in record.measures}
        letters = {name: groups[index] for name, groups in comparison.groups.items()}
        rows.append([system, *(f"{by_name[name]:.3f} {letters.get(name, '')}".rstrip() for name in names)])
    tables = [html_table(comparison.title, ("system", *names), rows)]
    if comparison.differences:
        pairs = [
            (
                f"{one.first} - {one.second}",
                one.measure,
                f"{one.value:+.3f}",
                f"[{one.low:+.3f}, {one.high:+.3f}]",
                p_text(one.corrected) + (" *" if one.told_apart else ""),
                *(f"{count:,}" for count in (one.won, one.lost, one.tied)),
                f"{one.detectable:.3f}",
            )
            for one in comparison.differences
        ]
        header = ("", "measure", "difference", "95 %", "p", "won", "lost", "tied", "detectable")
        tables.append(html_table("Differences", header, pairs, [explained(len(comparison.differences))]))
    return "".join(tables)


@dataclass(frozen=True, slots=True)
class AgainstPublished:
    """A measure of a system beside a published figure; a paired test is impossible without the others' answers.

    `verdict` says whether the published figure, given how it was rounded, lies within the system's 95 % interval, above
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
    """Compare runs pair by pair; of a single run only the record is returned.

    Raises:
        UserError: the runs may not be compared, or their answers cannot be read.
    """
    refuse_unequal(rows)
    ranked = sorted(rows, key=lambda row: (-row.record.primary.value, row.record.system.name, row.record.id))
    records = tuple(row.record for row in ranked)
    if len(ranked) == 1:
        return Comparison(records, labels(records), (), {})
    answers = read_answers(ranked)
    compared = compare_answers(answers, records)
    return replace(compared, by_ear=heard(ranked, compared.systems, answers))


def compare_answers(answers: Answers, records: Sequence[EvaluationRecord]) -> Comparison:
    """Compare the answers of systems; `records` are in the order of the answers' runs, best first."""
    systems = labels(records)
    count, measures = len(systems), len(answers.measures)
    pairs = list(combinations(range(count), 2))
    columns = answers.values.transpose(1, 0, 2).reshape(len(answers.clusters), measures * count)
    compared = [(of * count + a, of * count + b) for of in range(measures) for a, b in pairs]
    bounds = difference_intervals(bootstrap_means(columns, answers.clusters), compared)
    p_values = sign_flip_p_values(columns, answers.clusters, compared)
    corrected = holm(p_values)
    detectable = detectable_differences(columns, answers.clusters, compared, alpha=ALPHA / max(len(compared), 1))
    differences = []
    for index, (first, second) in enumerate(compared):
        by_query = columns[:, first] - columns[:, second]
        differences.append(
            Difference(
                first=systems[first % count],
                second=systems[second % count],
                measure=answers.measures[first // count],
                value=float(by_query.mean()),
                low=float(bounds[index, 0]),
                high=float(bounds[index, 1]),
                p_value=float(p_values[index]),
                corrected=float(corrected[index]),
                won=int(np.count_nonzero(by_query > 0)),
                lost=int(np.count_nonzero(by_query < 0)),
                tied=int(np.count_nonzero(by_query == 0)),
                detectable=float(detectable[index]),
            )
        )
    groups = {}
    for of, name in enumerate(answers.measures):
        found = differences[of * len(pairs) : (of + 1) * len(pairs)]
        distinct = [pair for pair, one in zip(pairs, found, strict=True) if one.told_apart]
        groups[name] = _groups(answers.values[of].mean(axis=0), distinct)
    return Comparison(tuple(records), systems, tuple(differences), groups)


def _groups(means: NDArray[np.float64], distinct: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """The letters of each system, from its mean and the pairs of systems that differ significantly."""
    place = np.argsort(np.argsort(-means, kind="stable"))
    in_order = letters(len(means), [(int(place[a]), int(place[b])) for a, b in distinct])
    return tuple(in_order[one] for one in place)


def groups_by_primary(answers: Answers, primary: str) -> tuple[str, ...]:
    """The letters of systems that are given best first, by the primary measure alone, as the board shows them."""
    pairs = list(combinations(range(answers.values.shape[2]), 2))
    corrected = holm(sign_flip_p_values(answers.of(primary), answers.clusters, pairs))
    return letters(answers.values.shape[2], [pair for pair, p in zip(pairs, corrected, strict=True) if p <= ALPHA])


def against_published(record: EvaluationRecord, results: Sequence[Published]) -> tuple[AgainstPublished, ...]:
    """Compare each measure of a run with the figures that were published under its protocol."""
    found = []
    for result in results:
        for measure in record.measures:
            figure = result.measures.get(measure.name)
            if figure is None:
                continue
            found.append(
                AgainstPublished(
                    system=record.system.name,
                    measure=measure.name,
                    value=measure.value,
                    low=measure.low,
                    high=measure.high,
                    published=result,
                    figure=figure,
                    verdict=_verdict(figure, measure.low, measure.high),
                )
            )
    return tuple(found)


def _verdict(figure: Figure, low: float, high: float) -> Literal["within", "above", "below"]:
    if figure.value - figure.rounding > high:
        return "above"
    return "below" if figure.value + figure.rounding < low else "within"


def refuse_unequal(rows: Sequence[Row]) -> None:
    """Refuse runs that may not be compared.

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
            # Of outputs that were made elsewhere nobody knows which audio files they were made from.
            if one != other and not (what == "audio files" and None in (one, other)):
                raise UserError(
                    f"{rows[0].folder} and {row.folder} differ in their {what} ({(one or 'unknown')[:24]} and "
                    f"{(other or 'unknown')[:24]}); only runs of one protocol on one data set can be compared"
                )


def compare(*runs: str | Path, out: str | Path = "runs", protocol: str | None = None) -> Comparison:
    """Compare runs.

    Args:
        runs: two or more run folders, their names in `out`, or systems, of which the newest runs are taken, or else
            the results that come with lbar.
        out: the folder of run folders.
        protocol: the protocol of the systems' runs; without it the one under which all of them have a run.

    Raises:
        UserError: a run is not there, or the runs may not be compared.
    """
    return compare_rows(find_rows([str(run) for run in runs], Path(out), protocol, RESULTS))
