"""Finds the queries and clips of a task that the texts in a predictions file name, by exact spelling."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.datasets import refuse
from harness.predictions.spelling import Spellings, hint, hints

Indices = NDArray[np.int64]


def match_queries(path: Path, rows: Iterable[str], queries: Sequence[str]) -> Indices:
    """Find the row that answers each query.

    A caption that was written for several clips is several queries. A file may answer them with one row, or with as
    many rows as there are queries, in their order.

    Args:
        path: of the file, for the message.
        rows: the caption of every row; captions that are no queries of the task are passed over.
        queries: of the task.

    Returns:
        Row of each query, counted from 0, shape `(queries,)`.

    Raises:
        UserError: queries without a row, or another number of rows; all of them are listed.
    """
    asked: dict[str, list[int]] = defaultdict(list)
    for query, text in enumerate(queries):
        asked[text].append(query)
    found: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(rows):
        found[text].append(row)

    row_of_query = np.full(len(queries), -1, np.int64)
    missing, repeated = [], []
    for text, positions in asked.items():
        answers = found.get(text, [])
        if not answers:
            missing.append(text)
        elif len(answers) in (1, len(positions)):
            row_of_query[positions] = answers
        else:
            times = "once" if len(positions) == 1 else f"{len(positions)} times"
            repeated.append(f"{len(answers)} rows for {text!r}, which is asked {times}; leave one")
    spellings = Spellings(list(found) if missing else [])
    problems = [f"no row for {text!r}{hint(spellings.meant(text))}" for text in missing]
    cause = _cause(asked, missing, found, spellings) or f"the captions are not those of the {len(queries):,} queries"
    refuse(path, problems + repeated, cause)
    return row_of_query


def _cause(asked: Sized, missing: Sequence[str], found: Mapping[str, object], spellings: Spellings) -> str:
    """Why most or all queries have no row, in one line; empty where it is not one thing that is wrong."""
    number = len(asked)
    same = {text: meant for text in missing if (meant := spellings.same(text)) is not None}
    if 2 * len(same) > len(missing):
        text, meant = next(iter(same.items()))
        return (
            f"{len(same):,} of the {number:,} queries are there in another spelling, such as {meant!r} for {text!r}; "
            "`lbar validate --fix` with --protocol or --queries writes a copy that has them right"
        )
    if missing and len(missing) == number:
        return (
            f"none of the {number:,} queries is among its {len(found):,} captions, such as {next(iter(found), '')!r}; "
            "look whether it answers another data set, and name the one it answers with --protocol"
        )
    return ""


def match_names(path: Path, names: Iterable[str], items: Sequence[str]) -> dict[str, int]:
    """Number the items of a task by their names, and check that names in a file are among them.

    Args:
        path: of the file, for the message.
        names: as the file spells them; may repeat.
        items: clip names of the task.

    Returns:
        Index of every item by its name.

    Raises:
        UserError: names of no item; all of them are listed, each with the name that may have been meant.
    """
    index = {name: item for item, name in enumerate(items)}
    unknown = [name for name in dict.fromkeys(names) if name not in index]
    problems = [f"no clip is called {name!r}{meant}" for name, meant in hints(unknown, index, file_names=True)]
    refuse(path, problems, f"names that are not among the {len(items):,} clips")
    return index
