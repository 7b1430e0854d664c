"""Confidence intervals and significance tests for means over queries, where the queries of one clip are alike.

Clips are resampled, not captions, and comparisons are paired: the random draws depend only on the number of clips and
the seed, so systems that answered the same queries are compared draw by draw.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.intp]

RESAMPLES = 10_000
SEED = 0

_WEIGHTS_PER_CHUNK = 1 << 20
_SIGNS_PER_CHUNK = 1 << 20
_PAIRS_PER_CHUNK = 256
_LEVELS = (0.025, 0.975)


def bootstrap_means(values: ArrayLike, clusters: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED) -> Values:
    """Means over queries, in data sets made by drawing whole clips with replacement (cluster bootstrap).

    Drawing clips keeps the captions of a clip together: they succeed and fail together, so drawing captions would give
    intervals that are too narrow (Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). The
    same draws apply to all columns, and depend only on the number of clips and the seed: columns of one call, and of
    calls with the same clips, can be compared pair by pair.

    Args:
        values: one row per query and one column per measure or system, shape `(q, m)`.
        clusters: a label per query, usually its clip; queries with one label are drawn together; shape `(q,)`.
        resamples: number of data sets drawn.
        seed: of the random draws.

    Returns:
        Shape `(resamples, m)`.

    Raises:
        ValueError: no queries, or shapes that do not fit.

    >>> bootstrap_means([[0.25], [0.75], [0.5]], [0, 0, 1], resamples=4).tolist()
    [[0.5], [0.5], [0.5], [0.5]]
    """
    table, labels = _checked(values, clusters)
    # Taken relative to the first query, equal values give exactly equal means.
    sums = _sums_by_cluster(np.column_stack([table - table[0], np.ones(len(table))]), labels)

    random = np.random.default_rng(seed)
    means: Values = np.empty((resamples, table.shape[1]))
    step = max(_WEIGHTS_PER_CHUNK // len(sums), 1)
    for start in range(0, resamples, step):
        chunk = means[start : start + step]
        totals = _times_drawn(random, len(chunk), len(sums)) @ sums
        np.divide(totals[:, :-1], totals[:, -1:], out=chunk)
    means += table[0]
    return means


def bootstrap_medians(values: ArrayLike, clusters: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED) -> Values:
    """Medians over queries, in the same data sets as those of `bootstrap_means`, whose arguments they are.

    >>> bootstrap_medians([[1], [2], [9]], [0, 0, 0], resamples=2).tolist()
    [[2.0], [2.0]]
    """
    table, labels = _checked(values, clusters)
    count = int(labels.max()) + 1
    medians: Values = np.empty((resamples, table.shape[1]))
    for column in range(table.shape[1]):
        distinct, which = np.unique(table[:, column], return_inverse=True)
        often: Values = np.zeros((count, len(distinct)))
        np.add.at(often, (labels, which), 1)
        random = np.random.default_rng(seed)
        step = max(_WEIGHTS_PER_CHUNK // max(count, len(distinct)), 1)
        for start in range(0, resamples, step):
            chunk = medians[start : start + step, column]
            at_most = np.cumsum(_times_drawn(random, len(chunk), count) @ often, axis=1)
            total = at_most[:, -1:]
            # The values in the middle: one of an odd number of queries, the mean of two of an even one.
            low, high = ((at_most < half).sum(axis=1) for half in (np.ceil(total / 2), np.floor(total / 2) + 1))
            chunk[:] = (distinct[low] + distinct[high]) / 2
    return medians


def intervals(
    values: ArrayLike,
    clusters: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    *,
    bootstrap: Callable[..., Values] = bootstrap_means,
) -> Values:
    """95 % percentile intervals of the means of `bootstrap_means`, or of the medians of `bootstrap_medians`.

    Returns:
        Lower and upper bound of each column, shape `(m, 2)`.

    >>> intervals([[1.0], [1.0], [0.0], [0.0]], [0, 0, 1, 1]).tolist()
    [[0.0, 1.0]]
    """
    bounds: Values = np.quantile(bootstrap(values, clusters, resamples, seed), _LEVELS, axis=0)
    return bounds.T


def difference_intervals(means: Values, pairs: Sequence[tuple[int, int]]) -> Values:
    """95 % percentile intervals of differences between columns of what `bootstrap_means` returned.

    Args:
        means: shape `(resamples, m)`.
        pairs: columns to compare, the first minus the second.

    Returns:
        Lower and upper bound of each difference, shape `(len(pairs), 2)`.

    >>> difference_intervals(np.array([[0.5, 0.25], [0.75, 0.5]]), [(0, 1)]).tolist()
    [[0.25, 0.25]]
    """
    bounds: Values = np.empty((len(pairs), 2))
    for row, (first, second) in zip(bounds, pairs, strict=True):
        row[:] = np.quantile(means[:, first] - means[:, second], _LEVELS)
    return bounds


def sign_flip_p_values(
    values: ArrayLike,
    clusters: ArrayLike,
    pairs: Sequence[tuple[int, int]],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Values:
    """P-values of a two-sided permutation test over clips: how often chance alone gives a difference at least as large.

    If two systems are equally good, swapping their names on any clip changes nothing. So the names are swapped on
    random clips, always for all captions of a clip together. The p-value is the share of such swaps after which the
    means differ at least as much as observed, the observed assignment counted among them (Phipson & Smyth 2010,
    Permutation p-values should never be zero). Where there are at most `resamples` different swaps, all of them are
    made and the p-value is exact.

    Where no random swap reaches the observed difference, 1 / (resamples + 1) would be the p-value: often too large to
    pass a correction for many comparisons. There it is Hoeffding's bound, 2 exp(-t^2 / (2 sum d^2)) with d a clip's
    difference and t their sum, if that is smaller: the share over all swaps cannot exceed it. As the bound only
    replaces the smallest possible value, the test keeps its level.

    Args:
        values: one row per query and one column per measure or system, shape `(q, m)`.
        clusters: a label per query, usually its clip; queries with one label are drawn together; shape `(q,)`.
        pairs: columns to compare.
        resamples: number of random swaps.
        seed: of the random swaps.

    Returns:
        One p-value for each pair, shape `(len(pairs),)`; 1 for columns that are equal.

    Raises:
        ValueError: no queries, or shapes that do not fit.

    >>> sign_flip_p_values([[1, 0], [1, 0], [1, 0]], ["a", "b", "c"], [(0, 1)]).tolist()
    [0.25]
    """
    sums = _sums_by_cluster(*_checked(values, clusters))
    first, second = (np.array([pair[side] for pair in pairs], dtype=np.intp) for side in (0, 1))
    totals = sums.sum(axis=0)
    observed = np.abs(totals[first] - totals[second])
    # Sums that are mathematically equal may differ in their last digits.
    sizes = np.abs(sums).sum(axis=0)
    least = observed - 1e-9 * (sizes[first] + sizes[second])
    if 2 ** len(sums) <= resamples:
        every = 2 ** len(sums)
        shares: Values = _reached(sums, first, second, least, every, None) / np.float64(every)
        return shares
    smallest = 1 / (resamples + 1)
    p_values = _bounds(sums, first, second, least)
    # A bound this far below the smallest p-value of random swaps stands: trying the swaps would not change it.
    open_to_chance = np.flatnonzero(p_values >= smallest**2)
    kept = first[open_to_chance], second[open_to_chance], least[open_to_chance]
    reached = _reached(sums, *kept, resamples, np.random.default_rng(seed))
    bounds = np.minimum(p_values[open_to_chance], smallest)
    p_values[open_to_chance] = np.where(reached == 0, bounds, (reached + 1) / (resamples + 1))
    return p_values


def holm(p_values: ArrayLike) -> Values:
    """P-values corrected for multiple comparisons.

    Rejecting every hypothesis whose corrected p-value is at most 0.05 keeps the family-wise error rate, the probability
    of at least one false rejection, at 5 % or below (Holm 1979, A simple sequentially rejective multiple test
    procedure).

    Args:
        p_values: of all comparisons of the family, shape `(n,)`.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    corrected: Values = np.empty_like(given)
    corrected[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)), 1)
    return corrected


def _checked(values: ArrayLike, clusters: ArrayLike) -> tuple[Values, Indices]:
    """The values as a table, and each query's cluster as a number from 0."""
    table = np.asarray(values, dtype=np.float64)
    cluster = np.unique(np.asarray(clusters), return_inverse=True)[1]
    if table.ndim != 2 or cluster.shape != table.shape[:1] or not len(table):
        raise ValueError(f"expected (q, m) values and (q,) clusters with q > 0, got {table.shape} and {cluster.shape}")
    return table, cluster


def _sums_by_cluster(columns: Values, cluster: Indices) -> Values:
    """Each column's sum over the queries of each cluster, shape `(clusters, m)`."""
    sums: Values = np.zeros((cluster.max() + 1, columns.shape[1]))
    np.add.at(sums, cluster, columns)
    return sums


def _bounds(sums: Values, first: Indices, second: Indices, least: Values) -> Values:
    """Hoeffding's bound for each pair; above 1, and so without effect, for columns that are equal."""
    columns = np.ascontiguousarray(sums.T)
    bounds: Values = np.full(len(first), 2.0)
    for begin in range(0, len(first), _PAIRS_PER_CHUNK):
        part = slice(begin, begin + _PAIRS_PER_CHUNK)
        differences = columns[first[part]] - columns[second[part]]
        squares = np.einsum("ij,ij->i", differences, differences)
        exponents = np.divide(least[part] ** 2, 2 * squares, out=np.zeros(len(squares)), where=least[part] > 0)
        bounds[part] *= np.exp(-exponents)
    return bounds


def _reached(
    sums: Values, first: Indices, second: Indices, least: Values, count: int, random: np.random.Generator | None
) -> NDArray[np.int64]:
    """The number of swaps after which each pair differs by at least `least`, of `count` random or of all swaps."""
    reached = np.zeros(len(first), dtype=np.int64)
    step = max(_SIGNS_PER_CHUNK // len(sums), 1)
    for start in range(0, count, step):
        size = min(step, count - start)
        signs = _random_signs(random, size, len(sums)) if random else _all_signs(start, size, len(sums))
        # Swapping is linear, so the signs are applied once to each column, however many pairs it is in.
        flipped = (signs @ sums).T
        for begin in range(0, len(first), _PAIRS_PER_CHUNK):
            part = slice(begin, begin + _PAIRS_PER_CHUNK)
            apart = np.abs(flipped[first[part]] - flipped[second[part]])
            reached[part] += np.count_nonzero(apart >= least[part, None], axis=1)
    return reached


def _all_signs(start: int, size: int, clusters: int) -> Values:
    """The signs that the binary digits of `start`, `start + 1` and so on stand for, shape `(size, clusters)`."""
    bits = (np.arange(start, start + size)[:, None] >> np.arange(clusters)) & 1
    return (1 - 2 * bits).astype(np.float64)


def _random_signs(random: np.random.Generator, size: int, clusters: int) -> Values:
    """Signs 1 and -1 with equal probability, shape `(size, clusters)`."""
    bits = np.unpackbits(random.integers(256, size=(size, -(-clusters // 8)), dtype=np.uint8), axis=1, count=clusters)
    return 1 - 2 * bits.astype(np.float64)


def _times_drawn(random: np.random.Generator, resamples: int, clusters: int) -> Values:
    """How often each cluster is drawn in each resample, shape `(resamples, clusters)`."""
    drawn = random.integers(clusters, size=(resamples, clusters))
    drawn += np.arange(resamples)[:, None] * clusters
    return np.bincount(drawn.ravel(), minlength=resamples * clusters).reshape(resamples, clusters).astype(np.float64)
