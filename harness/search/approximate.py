"""Approximate search: how many partitions are searched is found by measuring what is found of the exact answers."""

import numpy as np

from harness.audio import Array
from harness.measures import ExactIndex
from harness.search.window_table import Places, WindowTable

_WANTED = 0.95
"""Share of the ten exact best that an approximate search is to find."""

_ASKED, _TOP = 100, 10
_PROBES, _RECALL = "probes", "recall"


def build_approximate(table: WindowTable, places: Places, vectors: Array, captions: Array) -> float:
    """Build the index of an approximate search, and measure it against the exact one.

    Args:
        table: whose windows are searched.
        places: of its windows.
        vectors: of its windows, `(n, d)`.
        captions: vectors of captions, `(m, d)`; the first hundred are asked.

    Returns:
        The share of the ten exact best that it finds.

    Raises:
        UserError: there are too few windows.
    """
    table.make_approximate()
    queries = captions[:_ASKED]
    best = places.row[ExactIndex(vectors).search(queries, _TOP)[0]]
    probes, recall = 1, 0.0
    while recall < _WANTED and probes < 2 * len(vectors) ** 0.5:
        probes *= 2
        found = [table.nearest(query, _TOP, probes)[0] for query in queries]
        recall = float(np.mean([np.isin(right, some) for right, some in zip(best, found, strict=True)]))
    table.note(**{_PROBES: str(probes), _RECALL: f"{recall:.4f}"})
    return recall


def measured(table: WindowTable) -> tuple[int, float] | None:
    """How many partitions an approximate search looks at, and its recall as measured; `None` where none was built."""
    facts = table.facts
    return (int(facts[_PROBES]), float(facts[_RECALL])) if _PROBES in facts else None
