"""What measures there are: the value for a query, from the ranks of its relevant items."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.measures.counting import Counts

Values = NDArray[np.float64]

UNRANKED = int(np.iinfo(np.int64).max)
"""The rank of an item that a ranked list leaves out; as a cut-off rank it means that there is none."""


@dataclass(frozen=True, eq=False)
class Found:
    """Where the relevant items of queries stand, each of which has at least one.

    Attributes:
        rank: of each relevant item, from 1, ascending within a query, shape `(pairs,)`.
        gain: how relevant the item at this rank is, above 0, shape `(pairs,)`; 1 where there are no grades.
        offsets: where the ranks of each query begin, shape `(queries + 1,)`.
        excluded: of each query the ranks of the items that it says it does not want, ascending.
    """

    rank: Counts
    gain: Values
    offsets: Counts
    excluded: Sequence[Counts]

    @property
    def counts(self) -> Counts:
        """Number of relevant items of each query."""
        return np.diff(self.offsets)

    @property
    def first(self) -> Counts:
        """Rank of the first relevant item of each query."""
        return self.rank[self.offsets[:-1]]

    @property
    def order(self) -> Counts:
        """The number of each pair among those of its query, from 1."""
        return np.arange(len(self.rank)) - np.repeat(self.offsets[:-1], self.counts) + 1

    def sums(self, values: Values) -> Values:
        """The sum over the pairs of each query."""
        total: Values = np.add.reduceat(values, self.offsets[:-1])
        return total

    def by_gain(self) -> Values:
        """The gains of each query, the largest first."""
        query = np.repeat(np.arange(len(self.counts)), self.counts)
        return self.gain[np.lexsort((-self.gain, query))]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of measure.

    Attributes:
        of_query: from the ranks and the cut-off rank to a value for each query, shape `(queries,)`.
        formula: in words and signs; `rel` are the relevant items, `r` is a rank, `k` the cut-off rank.
        source: who defined it, and what it is called elsewhere.
        cutoff: whether its name has a cut-off rank, as in `R@10`.
        graded: whether it goes by how relevant an item is. To the others, an item is relevant or not.
        median: whether the measure is the median over queries, which is better if it is smaller; else their mean, which
            is better if it is larger.
    """

    of_query: Callable[[Found, int], Values]
    formula: str
    source: str
    cutoff: Literal["always", "never", "either"] = "always"
    graded: bool = False
    median: bool = False


def _average_precision(found: Found, cutoff: int) -> Values:
    return found.sums(np.where(found.rank <= cutoff, found.order / found.rank, 0.0)) / found.counts


def _recall(found: Found, cutoff: int) -> Values:
    return found.sums((found.rank <= cutoff).astype(np.float64)) / found.counts


def _hit(found: Found, cutoff: int) -> Values:
    return (found.first <= cutoff).astype(np.float64)


def _discounted_gain(found: Found, cutoff: int) -> Values:
    def discounted(gain: Values, rank: Counts) -> Values:
        return found.sums(np.where(rank <= cutoff, gain / np.log2(rank + 1.0), 0.0))

    return discounted(found.gain, found.rank) / discounted(found.by_gain(), found.order)


def _graded_average_precision(found: Found, cutoff: int) -> Values:
    """Relevant items of one query are compared pair by pair: there are few of them."""
    values = np.empty(len(found.counts))
    for query, (start, stop) in enumerate(zip(found.offsets[:-1], found.offsets[1:], strict=True)):
        gain, rank = found.gain[start:stop], found.rank[start:stop]
        shared = np.tril(np.minimum.outer(gain, gain)).sum(axis=1)
        values[query] = (np.where(rank <= cutoff, shared / rank, 0.0)).sum() / gain.sum()
    return values


def _reciprocal_rank(found: Found, cutoff: int) -> Values:
    return np.where(found.first <= cutoff, 1 / found.first, 0.0)


def _first_rank(found: Found, _cutoff: int) -> Values:
    return found.first.astype(np.float64)


def _r_precision(found: Found, _cutoff: int) -> Values:
    within = found.rank <= np.repeat(found.counts, found.counts)
    return found.sums(within.astype(np.float64)) / found.counts


def _hard_negatives_shut_out(found: Found, cutoff: int) -> Values:
    shut_out = [not len(ranks) or int(ranks[0]) > cutoff for ranks in found.excluded]
    values: Values = ((found.first <= cutoff) & np.array(shut_out)).astype(np.float64)
    return values


def _right_rank(found: Found, _cutoff: int) -> Values:
    values = np.ones(len(found.counts))
    for query, (start, stop) in enumerate(zip(found.offsets[:-1], found.offsets[1:], strict=True)):
        if len(excluded := found.excluded[query]):
            # The share of relevant items that stand above an excluded one, over all excluded ones.
            values[query] = np.searchsorted(found.rank[start:stop], excluded).mean() / (stop - start)
    return values


MEASURES: dict[str, Kind] = {
    "mAP": Kind(
        _average_precision,
        "AP@k = (1 / |rel|) Σ over relevant items at a rank r ≤ k of (number of relevant items at or above r) / r",
        "trec_eval, map_cut; DCASE 2022 to 2025. |rel| counts all relevant items, found or not",
    ),
    "R": Kind(_recall, "R@k = (number of relevant items at a rank r ≤ k) / |rel|", "trec_eval, recall"),
    "Hit": Kind(_hit, "Hit@k = 1 where any relevant item has a rank r ≤ k, else 0", "trec_eval, success"),
    "nDCG": Kind(
        _discounted_gain,
        "nDCG@k = DCG@k / (DCG@k of the best order); DCG@k = Σ over items at a rank r ≤ k of gain / log2(r + 1)",
        "Järvelin & Kekäläinen 2002, with the gains as they are: trec_eval, ndcg_cut; scikit-learn, ndcg_score",
        graded=True,
    ),
    "GAP": Kind(
        _graded_average_precision,
        "GAP@k = (1 / Σ gains) Σ over items n at a rank r ≤ k of (1 / r) Σ over items m at or above r of "
        "min(gain n, gain m)",
        "Robertson, Kanoulas & Yilmaz 2010, Extending average precision to graded relevance judgments: AP at every "
        "threshold of relevance, weighted by the number of items above it; AP@k where there are no grades",
        graded=True,
    ),
    "MRR": Kind(
        _reciprocal_rank,
        "RR = 1 / r of the first relevant item, 0 where r > k",
        "Voorhees 1999, TREC-8; trec_eval, recip_rank",
        cutoff="either",
    ),
    "MedR": Kind(
        _first_rank,
        "the rank of the first relevant item; the median over queries, smaller is better",
        "common in text-to-video and text-to-audio retrieval, as in Oncescu et al. 2021",
        cutoff="never",
        median=True,
    ),
    "Rprec": Kind(
        _r_precision,
        "R-precision = (number of relevant items at a rank r ≤ |rel|) / |rel|",
        "trec_eval, Rprec; Manning, Raghavan & Schütze 2008, section 8.4",
        cutoff="never",
    ),
    "HNSR": Kind(
        _hard_negatives_shut_out,
        "HNSR@k = 1 where a relevant item has a rank r ≤ k and no excluded item has, else 0",
        "hard-negative suppression rate of arXiv 2604.18360; excluded are items that the query says it does not want",
    ),
    "RightRank": Kind(
        _right_rank,
        "the share of the pairs of a relevant and an excluded item in which the relevant one stands above: 0.5 in a "
        "random order, 1 where nothing is excluded",
        "right rank of ExcluIR (arXiv 2404.17288), over all pairs",
        cutoff="never",
    ),
}
"""Every measure, by the name that stands before its cut-off rank k: to add one, add an entry here.

Protocols, records, `lbar score`, the board and comparisons know a measure by its name.
"""
