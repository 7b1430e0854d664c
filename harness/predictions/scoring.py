"""Score a predictions file against a task, as an evaluation scores a system."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.datasets import refuse
from harness.errors import UserError, unknown
from harness.measures import (
    BelowChance,
    Measure,
    MeasureRecord,
    Ranks,
    as_text,
    below_chance,
    measures_html,
    measures_of,
    per_query_values,
    rank_scores,
    rank_tiles,
    ranks_from_lists,
    summarise,
)
from harness.predictions.matching import match_names, match_queries
from harness.predictions.outputs import Outputs, read_outputs, refuse_short_lists
from harness.predictions.ranked_list import IN_USE, Columns, read_ranked_list
from harness.predictions.score_matrix import ScoreMatrix, read_score_matrix
from harness.predictions.writing import FORMATS, detect
from harness.protocols import Relevance, RetrievalTask

WRONG_WAY = {
    "ranked-list": "the best clip comes first: look whether the lists were sorted the other way round",
    "score-matrix": "a larger score is a better match: look whether these are distances, and write their negatives",
    "embeddings": "a larger cosine is a better match: look whether both sides are in the order of their names",
}
"""What may make each format score worse than chance."""

_SCORES_PER_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False, repr=False)
class Score:
    """The score of a predictions file or of arrays.

    Attributes:
        protocol: name of the protocol it was scored by.
        format: of the file, or `embeddings`.
        measures: the protocol's measures, means over queries.
        per_query: shape `(queries, measures)`, queries in the task's order.
        ranks: of the relevant clips.
        surplus: number of rows whose captions are no queries of the protocol; they were passed over.
        left_out: measures whose cut-off is beyond the end of the file's lists.
        below_chance: the first measure beside a random order's, where it is significantly worse.
        reasons: why the figures may not be compared with others; empty where they may.
    """

    protocol: str
    format: str
    measures: tuple[MeasureRecord, ...]
    per_query: NDArray[np.float64]
    ranks: Ranks
    surplus: int
    left_out: tuple[str, ...]
    below_chance: BelowChance | None = None
    reasons: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, without the values of single queries."""
        return {
            "protocol": self.protocol,
            "format": self.format,
            "queries": len(self.per_query),
            "measures": [measure.model_dump() for measure in self.measures],
            "tied_fraction": self.ranks.tied_fraction,
            "surplus": self.surplus,
            "left_out": list(self.left_out),
            "below_chance": self.below_chance and asdict(self.below_chance),
        }

    def to_text(self) -> str:
        """A few lines for a person."""
        measures = ["{:8} {}   95 % {} to {}".format(m.name, *m.texts(4)) for m in self.measures]
        return "\n".join([self._title, *measures, *self._notes()])

    def __repr__(self) -> str:
        """The protocol and the first measure, in a line."""
        return f"Score({self._title}: {self.measures[0]})"

    def _repr_html_(self) -> str:
        """The measures as a table, for a notebook."""
        return measures_html(self._title, self.measures, list(self._notes()))

    @property
    def _title(self) -> str:
        return f"{self.protocol}, {len(self.per_query):,} queries, {self.format}"

    def _notes(self) -> Iterator[str]:
        if self.ranks.tied_fraction:
            best = ", ".join(f"{m.name} {as_text(m.name, m.optimistic, 4)}" for m in self.measures)
            yield f"{self.ranks.tied_fraction:.2%} of the queries tie; with ties counted in favour: {best}"
        if self.left_out:
            yield f"left out, because the lists are too short: {', '.join(self.left_out)}"
        if self.below_chance:
            yield f"{self.below_chance}; {WRONG_WAY[self.format]}"
        if self.surplus:
            yield f"{self.surplus:,} rows passed over: the protocol does not ask for them"
        for reason in self.reasons:
            yield f"not comparable: {reason}"


def score_file(path: Path, task: RetrievalTask, format: str = "auto", known: Sequence[Columns] = IN_USE) -> Score:  # noqa: A002
    """Score a ranked list or a score matrix.

    Args:
        path: the predictions file.
        task: what it should answer.
        format: "ranked-list", "score-matrix", or "auto" to go by the header.
        known: the columns that a ranked list may have.

    Raises:
        UserError: the file cannot be read, is not valid, or does not answer this task.
    """
    return rank_file(path, task, format, known).score(task)


class Ranked(NamedTuple):
    """The ranks of the relevant items in a predictions file or in arrays.

    Attributes:
        format: of the file, or `embeddings`.
        ranks: of the relevant items.
        within: the protocol's measures whose cut-off is within the file's lists.
        left_out: names of the others.
        surplus: number of rows whose captions are no queries of the protocol.
    """

    format: str
    ranks: Ranks
    within: tuple[Measure, ...]
    left_out: tuple[str, ...]
    surplus: int

    def below_chance(self, task: RetrievalTask) -> BelowChance | None:
        """The first measure beside a random order's, where it is significantly worse."""
        return below_chance(self.ranks, self.within[0], task.clusters, task.ranked)

    def score(self, task: RetrievalTask, reasons: Sequence[str] = ()) -> Score:
        """The measures with their intervals; `reasons` say why they may not be compared with others."""
        return Score(
            protocol=task.protocol.name,
            format=self.format,
            measures=summarise(self.ranks, self.within, task.clusters),
            per_query=per_query_values(self.ranks, self.within),
            ranks=self.ranks,
            surplus=self.surplus,
            left_out=self.left_out,
            below_chance=self.below_chance(task),
            reasons=tuple(reasons),
        )


def rank_file(path: Path, task: RetrievalTask, format: str = "auto", known: Sequence[Columns] = IN_USE) -> Ranked:  # noqa: A002
    """Rank the relevant clips in a ranked list or a score matrix; arguments and errors are those of `score_file`."""
    if format not in ("auto", *FORMATS):
        raise unknown("format", format, ("auto", *FORMATS))
    if task.protocol.direction != "text-to-audio":
        return rank_outputs(read_outputs(path, task))
    found = detect(path, known) if format == "auto" else format
    ranks, depth, surplus = _rank_lists(path, task, known) if found == "ranked-list" else _rank_matrix(path, task)
    refuse_short_lists(path, task, depth)
    return _within(str(path), found, ranks, task, depth, surplus)


def rank_outputs(outputs: Outputs) -> Ranked:
    """Rank the relevant items in a system's outputs.

    Raises:
        UserError: no measure of the protocol can be told from lists of their length.
    """
    ranks = rank_tiles(outputs.tiles(), outputs.task.relevance)
    depth = outputs.depth or len(outputs.task.items)
    return _within(outputs.source, outputs.format, ranks, outputs.task, depth, outputs.surplus)


def _within(source: str, kind: str, ranks: Ranks, task: RetrievalTask, depth: int, surplus: int) -> Ranked:
    """The ranks, with the measures that can be told from lists of this length."""
    measures = measures_of(task.protocol)
    within = tuple(measure for measure in measures if measure.cutoff <= depth or depth == len(task.items))
    if not within:
        what = "clips" if task.protocol.direction == "text-to-audio" else "captions"
        raise UserError(f"{source}: lists of {depth} {what} are too short for {', '.join(task.protocol.measures)}")
    left_out = tuple(str(measure) for measure in measures if measure not in within)
    return Ranked(kind, ranks, within, left_out, surplus)


def _rank_lists(path: Path, task: RetrievalTask, known: Sequence[Columns]) -> tuple[Ranks, int, int]:
    lists = read_ranked_list(path, known)
    rows = match_queries(path, lists.queries, task.queries).tolist()
    asked = [lists.names[row] for row in rows]
    index = match_names(path, (name for names in asked for name in names), task.items)
    ranks = ranks_from_lists([[index[name] for name in names] for names in asked], task.relevance, len(task.items))
    return ranks, lists.depth, len(lists.queries) - len(set(rows))


def _rank_matrix(path: Path, task: RetrievalTask) -> tuple[Ranks, int, int]:
    """Rank a block of rows at a time, in a second pass; the first finds everything that is wrong with the file."""
    matrix = read_score_matrix(path)
    captions = [caption for caption, _ in matrix.rows()]
    if not {*captions}.isdisjoint(task.items) and not {*matrix.names}.isdisjoint(task.queries):
        raise UserError(
            f"{path} has a row per clip and a column per query; expected it the other way round: transpose it"
        )
    queries_of_row: dict[int, list[int]] = defaultdict(list)
    for query, row in enumerate(match_queries(path, captions, task.queries).tolist()):
        queries_of_row[row].append(query)
    columns = _columns(matrix, task.items)

    # The file has its rows in its own order; the ranks of a query go to the query's place in the task.
    optimistic = np.empty_like(task.relevance.items)
    pessimistic = np.empty_like(task.relevance.items)
    gains = None if task.relevance.gains is None else np.empty((2, len(task.relevance.items)))
    for queries, scores in _blocks(matrix, queries_of_row):
        pairs, relevance = _relevance_of(queries, task.relevance)
        ranks = rank_scores(scores[:, columns], relevance)
        optimistic[pairs], pessimistic[pairs] = ranks.optimistic, ranks.pessimistic
        if gains is not None:
            gains[:, pairs] = ranks.gains
    ranks = Ranks(task.relevance.offsets, optimistic, pessimistic, gains, task.relevance.level)
    return ranks, len(task.items), len(captions) - len(queries_of_row)


def _columns(matrix: ScoreMatrix, items: Sequence[str]) -> NDArray[np.int64]:
    """The column of each item."""
    item_of_name = match_names(matrix.path, matrix.names, items)
    column_of_name = {name: column for column, name in enumerate(matrix.names)}
    missing = [f"no column for the clip {name!r}" for name in item_of_name if name not in column_of_name]
    refuse(matrix.path, missing, f"columns are missing for some of the {len(items):,} clips")
    return np.array([column_of_name[name] for name in items], np.int64)


def _blocks(
    matrix: ScoreMatrix, queries_of_row: Mapping[int, list[int]]
) -> Iterator[tuple[list[int], NDArray[np.float64]]]:
    """Yield some queries at a time with their scores, shape `(some queries, columns)`, in the file's order."""
    most = max(_SCORES_PER_BLOCK // len(matrix.names), 1)
    answers = (
        (query, scores) for row, (_, scores) in enumerate(matrix.rows()) for query in queries_of_row.get(row, ())
    )
    while block := list(islice(answers, most)):
        yield [query for query, _ in block], np.stack([scores for _, scores in block])


def _relevance_of(queries: Sequence[int], relevance: Relevance) -> tuple[NDArray[np.int64], Relevance]:
    """The positions of these queries' pairs among all relevant pairs, and the relevance of these queries alone."""
    counts = relevance.counts[queries]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    pairs = np.repeat(relevance.offsets[queries] - offsets[:-1], counts) + np.arange(offsets[-1])
    gains = None if relevance.gains is None else relevance.gains[pairs]
    return pairs, replace(relevance, offsets=offsets, items=relevance.items[pairs], gains=gains)
