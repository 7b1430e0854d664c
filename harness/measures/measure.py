"""Measures of retrieval quality, computed from the ranks of the relevant items."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError, nearest
from harness.measures.counting import Counts
from harness.measures.ranking import Ranks

Values = NDArray[np.float64]
Ties = Literal["pessimistic", "optimistic"]


@dataclass(frozen=True, order=True, slots=True)
class Measure:
    """A measure of `MEASURES` and its cut-off rank.

    >>> measure = parse_measure("mAP@10")
    >>> str(measure), measure == Measure("mAP", 10)
    ('mAP@10', True)
    """

    kind: str
    cutoff: int

    def __str__(self) -> str:
        return f"{self.kind}@{self.cutoff}"

    def __call__(self, ranks: Ranks, ties: Ties = "pessimistic") -> Values:
        """The value for each query, shape `(queries,)`, between 0 and 1; their mean is the measure.

        >>> from harness.protocols.relevance import Relevance
        >>> from harness.measures.ranking import ranks_from_lists
        >>> ranks = ranks_from_lists([[3, 1, 0], [1, 2, 0]], Relevance.from_lists([[0, 3], [0]]), n_items=4)
        >>> [parse_measure(name)(ranks).round(3).tolist() for name in ("mAP@10", "R@1", "Hit@1")]
        [[0.833, 0.333], [0.5, 0.0], [1.0, 0.0]]
        """
        rank = ranks.pessimistic if ties == "pessimistic" else ranks.optimistic
        return MEASURES[self.kind](rank, ranks.offsets, self.cutoff)


def parse_measure(text: str) -> Measure:
    """Read a measure from its name.

    Raises:
        UserError: there is no such measure.
    """
    match = re.fullmatch(r"(\w+?)(@?)([1-9][0-9]*)", text, re.ASCII)
    if match is not None and match[1] in MEASURES and match[2]:
        return Measure(match[1], int(match[3]))
    near = nearest(match[1], MEASURES) if match else None
    hint = f"did you mean {near}@{match[3]}? " if match and near else ""
    known = ", ".join(f"{kind}@k" for kind in MEASURES)
    raise UserError(f"unknown measure {text!r}; {hint}known are {known} with a whole number k from 1, as in mAP@10")


def _average_precision(rank: Counts, offsets: Counts, cutoff: int) -> Values:
    """AP@k = (1 / |rel|) * sum over the relevant items at a rank r <= k of (relevant items at or above r) / r.

    `map_cut` of trec_eval, and the measure of the DCASE baselines: |rel| counts all relevant items, found or not.
    """
    order = np.arange(len(rank)) - np.repeat(offsets[:-1], np.diff(offsets)) + 1
    return _mean_of_relevant(np.where(rank <= cutoff, order / rank, 0.0), offsets)


def _recall(rank: Counts, offsets: Counts, cutoff: int) -> Values:
    """R@k = number of relevant items at a rank r <= k, divided by |rel|: `recall` of trec_eval."""
    return _mean_of_relevant((rank <= cutoff).astype(np.float64), offsets)


def _hit(rank: Counts, offsets: Counts, cutoff: int) -> Values:
    """Hit@k = 1 where any relevant item has a rank r <= k, else 0: `success` of trec_eval."""
    return (rank[offsets[:-1]] <= cutoff).astype(np.float64)


def _mean_of_relevant(values: Values, offsets: Counts) -> Values:
    sums: Values = np.add.reduceat(values, offsets[:-1])
    return sums / np.diff(offsets)


MEASURES: dict[str, Callable[[Counts, Counts, int], Values]] = {"mAP": _average_precision, "R": _recall, "Hit": _hit}
"""Every measure, by the name that stands before its cut-off rank k: to add one, add its function here.

A function takes the ranks of all relevant items, counted from 1, shape `(relevant pairs,)` and ascending within a
query; where the ranks of each query begin, shape `(queries + 1,)`; and k. It returns a value between 0 and 1 for each
query, shape `(queries,)`. Protocols, records, `lbar score`, the board and comparisons know a measure by its name.
"""
