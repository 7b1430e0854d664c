"""The small table of a result: a row for each query, without its words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.runs import PER_QUERY_COLUMNS, EvaluationRecord
from leaderboard.runs import NAMELESS, PER_QUERY, cluster_names, is_nameless, read_per_query, text_digest

if TYPE_CHECKING:
    import pyarrow as pa

_FREE = ("everyday",)
"""Data sets whose captions may be handed on with a result: its page then shows them."""


def columns_of(record: EvaluationRecord) -> list[str]:
    """The columns of a result's table, as `read_per_query` calls them."""
    return [*PER_QUERY_COLUMNS[1:], *(measure.name for measure in record.measures)]


def write_table(run: Path, record: EvaluationRecord, folder: Path) -> None:
    """Write the table of a run in small.

    Raises:
        UserError: the run's table is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = columns_of(record)
    table = read_per_query(run, record, columns)
    if not is_nameless(table) and record.dataset.name not in _FREE:
        for column, stand_ins in named(table).items():
            table = table.set_column(columns.index(column), NAMELESS[column], [stand_ins])
    elif is_nameless(table):
        table = table.rename_columns([NAMELESS.get(name, name) for name in columns])
    for place, field in enumerate(table.schema):
        if pa.types.is_integer(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.int32()))
    table = table.replace_schema_metadata(None)
    pq.write_table(table, folder / PER_QUERY, compression="zstd", compression_level=19)


def named(table: "pa.Table") -> dict[str, Sequence[str]]:
    """What stands for the texts and clips of a table's queries."""
    texts, clips = table["text"].to_pylist(), table["clip"].to_pylist()
    if is_nameless(table):
        return {"text": texts, "clip": clips}
    return {"text": list(map(text_digest, texts)), "clip": cluster_names(clips)}
