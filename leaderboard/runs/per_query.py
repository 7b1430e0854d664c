"""The table of a run's queries, read only where it is as it was written and gives what the record says."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError
from harness.machine import open_file, require_undamaged
from harness.measures import is_median
from harness.runs import PER_QUERY_COLUMNS, EvaluationRecord

if TYPE_CHECKING:
    import pyarrow as pa

PER_QUERY = "per_query.parquet"
NAMELESS = {"text": "text_sha256", "clip": "cluster"}
"""Columns that stand for texts and names of clips in a table that may be handed on where these may not.

A text is the first digits of its SHA-256 (`text_digest`); a clip is its number among those of all queries, in the
order of their names, with leading zeros: so the clusters are the same.
"""
_MEND = "evaluate the system again"
_ROUNDING = 1e-9
_NAMELESS = b"nameless"


def read_per_query(folder: Path, record: EvaluationRecord, columns: Sequence[str]) -> "pa.Table":
    """Some columns of a run's table, in this order.

    Of a table without texts and names, `text` and `clip` are what stands for them; `is_nameless` tells.

    Raises:
        UserError: the table is missing or damaged, lacks a column, or does not give the measures of the record.
    """
    import pyarrow.parquet as pq

    path = folder / PER_QUERY
    require_undamaged(path, _MEND)
    try:
        # A file is read faster as a whole than through pyarrow's own file systems and threads.
        with open_file(path) as file:
            opened = pq.ParquetFile(file)
            nameless = set(NAMELESS.values()) <= set(opened.schema_arrow.names)
            asked = [NAMELESS.get(name, name) if nameless else name for name in columns]
            table = opened.read(columns=asked, use_threads=False)
        # Of a damaged file the bytes may be read, and stand for no texts or numbers.
        table.validate(full=True)
    except Exception as error:  # A damaged file can fail in any way.
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}; {_MEND}") from error
    missing = [name for name, held in zip(columns, asked, strict=True) if held not in table.column_names]
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; {_MEND}")
    table = table.select(asked).rename_columns(list(columns))
    table = table.replace_schema_metadata({_NAMELESS: "1"} if nameless else None)
    kinds = {name: "texts" if name in PER_QUERY_COLUMNS[1:3] else "numbers" for name in columns}
    unfit = [f"{name} is not {kind}" for name, kind in kinds.items() if not _holds(table[name], kind)]
    if unfit:
        raise UserError(f"{path}: column {'; '.join(unfit)}; {_MEND}")
    for measure in record.measures:
        if measure.name in columns:
            of_all = np.median if is_median(measure.name) else np.mean
            found = of_all(table[measure.name].to_numpy()) if table.num_rows else float("nan")
            if not abs(found - measure.value) <= _ROUNDING:
                raise UserError(
                    f"{path} gives {measure.name} {found:.4f} where the record beside it says {measure.value:.4f}: one "
                    f"of them is damaged or was changed; {_MEND}"
                )
    return table


def is_nameless(table: "pa.Table") -> bool:
    """Whether a table that was read stands without the texts of captions and the names of clips."""
    return _NAMELESS in (table.schema.metadata or {})


def text_digest(text: str) -> str:
    """What stands for a caption in a table without texts.

    >>> text_digest("A dog barks.")
    '8f51134ccd0a'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cluster_names(clips: Sequence[str]) -> list[str]:
    """What stands for the clip of each query: its number in the order of the clips' names.

    >>> cluster_names(["b.wav", "a.wav", "b.wav"])
    ['1', '0', '1']
    """
    numbers = np.unique(np.array(clips, dtype=np.str_), return_inverse=True)[1].tolist()
    digits = len(str(max(numbers, default=0)))
    return [f"{number:0{digits}}" for number in numbers]


def _holds(column: "pa.ChunkedArray", kind: str) -> bool:
    """Whether a column holds texts or numbers, in every row."""
    import pyarrow as pa

    is_kind = pa.types.is_string if kind == "texts" else lambda t: pa.types.is_integer(t) or pa.types.is_floating(t)
    return bool(is_kind(column.type)) and not column.null_count


def require_per_query(folder: Path, record: EvaluationRecord) -> None:
    """Refuse a run whose table is damaged, or does not give the measures of the record; it may also have none.

    Where a checksum says that the table is as it was written, it is not read.

    Raises:
        UserError: as `read_per_query`.
    """
    path = folder / PER_QUERY
    if path.is_file() and not require_undamaged(path, _MEND):
        read_per_query(folder, record, [measure.name for measure in record.measures])
