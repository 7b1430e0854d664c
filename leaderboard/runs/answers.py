"""The ranks and measures of several systems for the same queries, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.measures import is_median
from harness.runs import PER_QUERY_COLUMNS
from leaderboard.runs.collecting import Row
from leaderboard.runs.per_query import cluster_names, is_nameless, read_per_query, text_digest

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Answers:
    """Runs of one protocol on one data set, query by query.

    Attributes:
        queries: text of each query, in the order of the first run.
        clips: name of the clip each query belongs to.
        clusters: a number per query, equal for queries of one clip, shape `(queries,)`.
        measures: names, in the protocol's order, without medians, which no query has a share in.
        values: of each measure, shape `(measures, queries, runs)`.
        ranks: of the first relevant item, ties counted against the system and for it, shape `(2, queries, runs)`.
    """

    queries: tuple[str, ...]
    clips: tuple[str, ...]
    clusters: NDArray[np.int64]
    measures: tuple[str, ...]
    values: NDArray[np.float64]
    ranks: NDArray[np.int64]

    def of(self, measure: str) -> NDArray[np.float64]:
        """The values of one measure, shape `(queries, runs)`."""
        one: NDArray[np.float64] = self.values[self.measures.index(measure)]
        return one


def read_answers(rows: Sequence[Row], measures: Sequence[str] | None = None) -> Answers:
    """Read the ranks and measures of runs, query by query.

    Args:
        rows: runs of one protocol on one data set, at least one.
        measures: only these; by default all of the protocol that are means over queries.

    Raises:
        UserError: a run's table is missing or damaged, or the runs have different queries.
    """
    names = tuple(measures or (one.name for one in rows[0].record.measures if not is_median(one.name)))
    columns = [*PER_QUERY_COLUMNS[1:], *names]
    # The first that has texts and names, if one has.
    for first in (*rows, rows[0]):
        reference = read_per_query(first.folder, first.record, columns)
        if not is_nameless(reference):
            break
    count = reference.num_rows
    values = np.empty((len(names), count, len(rows)))
    ranks = np.empty((2, count, len(rows)), dtype=np.int64)
    for run, row in enumerate(rows):
        own = reference if row is first else read_per_query(row.folder, row.record, columns)
        table = _aligned(own, reference, row, first)
        for column, name in enumerate(names):
            values[column, :, run] = _numbers(table, name)
        for bound, name in enumerate(PER_QUERY_COLUMNS[3:]):
            ranks[bound, :, run] = _numbers(table, name)
    texts, clips = tuple(reference["text"].to_pylist()), tuple(reference["clip"].to_pylist())
    clusters = np.unique(np.array(clips, dtype=np.str_), return_inverse=True)[1]
    if is_nameless(reference):
        texts = tuple(f"query {number}, whose words are not in the results" for number in range(1, count + 1))
        clips = tuple(f"clip {clip}" for clip in clips)
    return Answers(texts, clips, clusters, names, values, ranks)


def _numbers(table: "pa.Table", name: str) -> NDArray[Any]:
    numbers: NDArray[Any] = table[name].to_numpy()
    return numbers


def _aligned(table: "pa.Table", reference: "pa.Table", row: Row, first: Row) -> "pa.Table":
    """The table in the order of the reference."""
    if is_nameless(table) and not is_nameless(reference):
        reference = reference.select(["text", "clip"])
        reference = reference.set_column(0, "text", [list(map(text_digest, reference["text"].to_pylist()))])
        reference = reference.set_column(1, "clip", [cluster_names(reference["clip"].to_pylist())])
    if table["text"].equals(reference["text"]) and table["clip"].equals(reference["clip"]):
        return table
    places = {key: place for place, key in enumerate(_keys(table))}
    wanted = _keys(reference)
    if len(places) != len(wanted) or any(key not in places for key in wanted):
        raise UserError(
            f"{row.folder} and {first.folder} did not answer the same queries, though their records say so; "
            "evaluate both again"
        )
    return table.take([places[key] for key in wanted])


def _keys(table: "pa.Table") -> list[tuple[str, str, int]]:
    """What identifies each query: its clip, its text, and its number among identical queries, counted from 0."""
    seen: dict[tuple[str, str], int] = {}
    keys = []
    for clip, text in zip(table["clip"].to_pylist(), table["text"].to_pylist(), strict=True):
        seen[clip, text] = seen.get((clip, text), -1) + 1
        keys.append((clip, text, seen[clip, text]))
    return keys
