"""The ranks and measures of several systems for the same queries, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.machine import open_file
from harness.runs import PER_QUERY_COLUMNS
from leaderboard.runs.collecting import Row

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Answers:
    """Runs of one protocol on one data set, query by query.

    Attributes:
        queries: text of each query, in the order of the first run.
        clips: name of the clip each query belongs to.
        clusters: a number per query, equal for queries of one clip, shape `(queries,)`.
        measures: names, in the protocol's order.
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
        measures: only these; all of the protocol by default.

    Raises:
        UserError: a run's table is missing or damaged, or the runs have different queries.
    """
    first = rows[0]
    names = tuple(measures or (measure.name for measure in first.record.measures))
    columns = [*PER_QUERY_COLUMNS[1:], *names]
    reference = _read(first, columns)
    count = reference.num_rows
    values = np.empty((len(names), count, len(rows)))
    ranks = np.empty((2, count, len(rows)), dtype=np.int64)
    for run, row in enumerate(rows):
        table = reference if row is first else _aligned(_read(row, columns), reference, row, first)
        for column, name in enumerate(names):
            values[column, :, run] = _numbers(table, name)
        for bound, name in enumerate(PER_QUERY_COLUMNS[3:]):
            ranks[bound, :, run] = _numbers(table, name)
    clips = tuple(reference["clip"].to_pylist())
    clusters = np.unique(np.array(clips, dtype=np.str_), return_inverse=True)[1]
    return Answers(tuple(reference["text"].to_pylist()), clips, clusters, names, values, ranks)


def _read(row: Row, columns: list[str]) -> "pa.Table":
    import pyarrow.parquet as pq

    path = row.folder / "per_query.parquet"
    try:
        # A file is read faster as a whole than through pyarrow's own file systems and threads.
        with open_file(path) as file:
            table = pq.ParquetFile(file).read(columns=columns, use_threads=False)
        # Of a damaged file the bytes may be read, and stand for no texts or numbers.
        table.validate(full=True)
    except Exception as error:  # A damaged file can fail in any way.
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}; evaluate the system again") from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; evaluate the system again")
    kinds = {name: "texts" if name in PER_QUERY_COLUMNS[1:3] else "numbers" for name in columns}
    unfit = [f"{name} is not {kind}" for name, kind in kinds.items() if not _holds(table[name], kind)]
    if unfit:
        raise UserError(f"{path}: column {'; '.join(unfit)}; evaluate the system again")
    return table


def _holds(column: "pa.ChunkedArray", kind: str) -> bool:
    """Whether a column holds texts or numbers, in every row."""
    import pyarrow as pa

    is_kind = pa.types.is_string if kind == "texts" else lambda t: pa.types.is_integer(t) or pa.types.is_floating(t)
    return bool(is_kind(column.type)) and not column.null_count


def _numbers(table: "pa.Table", name: str) -> NDArray[Any]:
    numbers: NDArray[Any] = table[name].to_numpy()
    return numbers


def _aligned(table: "pa.Table", reference: "pa.Table", row: Row, first: Row) -> "pa.Table":
    """The table in the order of the reference."""
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
