"""Whether a system does worse than a random order would, as one does whose scores mean distances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.measures.counting import Counts
from harness.measures.measure import Measure
from harness.measures.ranking import Ranks

_FEW, _MANY = 20, 2_000
"""Random orders that are looked at first, and where the system may do worse than these."""
_SIGNIFICANT = 0.001
_PAIRS_PER_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True)
class BelowChance:
    """A value that is significantly below what random orders of the items have.

    Attributes:
        measure: its name.
        value: with ties counted in favour.
        chance: the mean of the random orders.
        p_value: how often chance alone gives a value at most as large.
    """

    measure: str
    value: float
    chance: float
    p_value: float

    def __str__(self) -> str:
        return (
            f"worse than chance: {self.measure} {self.value:.4f}, and a random order has {self.chance:.4f} "
            f"(p {self.p_value:.4f})"
        )


def below_chance(
    ranks: Ranks, measure: Measure, clusters: NDArray[np.int64], n_items: int | Counts, seed: int = 0
) -> BelowChance | None:
    """Compare a mean over queries with the means of random orders; `None` where it is not significantly below these.

    All queries of a clip get one draw, as if they always succeeded and failed together: of all that is possible this
    varies most, so that a system is not called worse than chance too easily.

    Args:
        ranks: of the relevant items. Ties are counted in favour of the system, so that none is found for ties alone.
        measure: whose mean is compared.
        clusters: the clip each query belongs to, numbers from 0, shape `(queries,)`.
        n_items: number of items that are ranked for each query, shape `(queries,)`, or one number for all.
        seed: of the random orders.

    >>> from harness.measures.measure import parse_measure
    >>> last = Ranks(np.arange(21), np.full(20, 20), np.full(20, 20))
    >>> print(below_chance(last, parse_measure("R@10"), np.arange(20), 20))
    worse than chance: R@10 0.0000, and a random order has 0.4985 (p 0.0005)
    """
    value = float(measure(ranks, "optimistic").mean())
    random = np.random.default_rng(seed)
    if value >= _means(random, _FEW, ranks, measure, clusters, n_items).mean():
        return None
    means = _means(random, _MANY, ranks, measure, clusters, n_items)
    p_value = (1 + np.count_nonzero(means <= value + 1e-12)) / (1 + _MANY)
    found = BelowChance(str(measure), value, float(means.mean()), p_value)
    return found if p_value <= _SIGNIFICANT else None


def _means(
    random: np.random.Generator, draws: int, ranks: Ranks, measure: Measure, clusters: Counts, n_items: int | Counts
) -> NDArray[np.float64]:
    """The means over queries of so many random orders, shape `(draws,)`."""
    step = max(_PAIRS_PER_CHUNK // int(ranks.offsets[-1]), 1)
    parts = []
    for start in range(0, draws, step):
        size = min(step, draws - start)
        counts = np.tile(np.diff(ranks.offsets), size)
        rows = np.concatenate([[0], np.cumsum(counts)])
        items = np.tile(np.broadcast_to(n_items, len(ranks)), size)
        rank = _random_ranks(random, counts, np.tile(clusters, size), size, items)
        drawn = Ranks(rows, rank, rank)
        if ranks.gains is not None:
            gains = np.tile(ranks.gains[0], size)
            shuffled = gains[np.lexsort((random.random(len(gains)), np.repeat(np.arange(len(counts)), counts)))]
            drawn = Ranks(rows, rank, rank, np.stack([shuffled, shuffled]), ranks.level)
        parts.append(measure(drawn).reshape(size, -1).mean(axis=1))
    return np.concatenate(parts)


def _random_ranks(random: np.random.Generator, counts: Counts, clusters: Counts, size: int, n_items: Counts) -> Counts:
    """For each query as many different ranks as it has relevant items, ascending, by Floyd's sampling algorithm."""
    drawn = np.arange(len(counts)) // (len(counts) // size) * (clusters.max() + 1) + clusters
    ranks = np.full((len(counts), int(counts.max())), np.iinfo(np.int64).max)
    for place in range(ranks.shape[1]):
        open_to = n_items - counts + place + 1
        shares = random.random(size * (int(clusters.max()) + 1))[drawn]
        rank = (shares * open_to).astype(np.int64) + 1
        taken = (ranks[:, :place] == rank[:, None]).any(axis=1)
        ranks[:, place] = np.where(place < counts, np.where(taken, open_to, rank), ranks[:, place])
    ranks.sort(axis=1)
    return ranks[np.arange(ranks.shape[1]) < counts[:, None]]
