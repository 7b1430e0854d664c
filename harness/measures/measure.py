"""Measures of retrieval quality, as values that are computed from ranks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.measures.counting import Counts
from harness.measures.ranking import Ranks

Values = NDArray[np.float64]
Ties = Literal["pessimistic", "optimistic"]


@dataclass(frozen=True, order=True, slots=True)
class Measure:
    """A kind of measure and its cut-off rank.

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
        return _KINDS[self.kind](rank, ranks.offsets, self.cutoff)


def parse_measure(text: str) -> Measure:
    """Read a measure from its name.

    Raises:
        UserError: there is no such measure.
    """
    match = re.fullmatch(r"(\w+)@([1-9][0-9]*)", text, re.ASCII)
    if match is None or match[1] not in _KINDS:
        known = ", ".join(f"{kind}@k" for kind in _KINDS)
        raise UserError(f"unknown measure {text!r}; known are {known} with a whole number k from 1, as in mAP@10")
    return Measure(match[1], int(match[2]))


def _average_precision(rank: Counts, offsets: Counts, cutoff: int) -> Values:
    """Sum over the relevant items ranked within k of (order among the relevant / rank), by the number of relevant.

    This is `map_cut` of trec_eval and the DCASE baselines: the divisor counts all relevant items, found or not.
    """
    order = np.arange(len(rank)) - np.repeat(offsets[:-1], np.diff(offsets)) + 1
    return _mean_of_relevant(np.where(rank <= cutoff, order / rank, 0.0), offsets)


def _recall(rank: Counts, offsets: Counts, cutoff: int) -> Values:
    """Relevant items ranked within k, by the number of relevant: `recall` of trec_eval."""
    return _mean_of_relevant((rank <= cutoff).astype(np.float64), offsets)


def _hit(rank: Counts, offsets: Counts, cutoff: int) -> Values:
    """1 where any relevant item is ranked within k: `success` of trec_eval."""
    return (rank[offsets[:-1]] <= cutoff).astype(np.float64)


def _mean_of_relevant(values: Values, offsets: Counts) -> Values:
    sums: Values = np.add.reduceat(values, offsets[:-1])
    return sums / np.diff(offsets)


_KINDS: dict[str, Callable[[Counts, Counts, int], Values]] = {"mAP": _average_precision, "R": _recall, "Hit": _hit}
