"""How far a mean over queries can be trusted when the queries of one clip resemble each other."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

RESAMPLES = 10_000
SEED = 0

_WEIGHTS_PER_CHUNK = 1 << 20


def bootstrap_means(values: ArrayLike, clusters: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED) -> Values:
    """Means over queries, in data sets made by drawing whole clips with replacement.

    Drawing clips keeps the captions of a clip together: they succeed and fail together, so drawing captions would give
    intervals that are too narrow (cluster bootstrap; Davison & Hinkley, Bootstrap Methods and their Application, 1997,
    section 3.8). How often each clip is drawn is applied to all columns at once, and depends on nothing but the number
    of clips and the seed: columns of one call, and of calls with the same clips, can be compared pair by pair.

    Args:
        values: one row per query and one column per measure or system, shape `(q, m)`.
        clusters: what each query is tied to, usually its clip; any labels, shape `(q,)`.
        resamples: number of data sets drawn.
        seed: of the random draws.

    Returns:
        Shape `(resamples, m)`.

    Raises:
        ValueError: no queries, or shapes that do not fit.

    >>> bootstrap_means([[0.25], [0.75], [0.5]], [0, 0, 1], resamples=4).tolist()
    [[0.5], [0.5], [0.5], [0.5]]
    """
    table = np.asarray(values, dtype=np.float64)
    labels, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    if table.ndim != 2 or cluster.shape != table.shape[:1] or not len(table):
        raise ValueError(f"expected (q, m) values and (q,) clusters with q > 0, got {table.shape} and {cluster.shape}")
    # Taken relative to the first query, equal values give exactly equal means.
    columns = np.column_stack([table - table[0], np.ones(len(table))])
    sums = np.zeros((len(labels), columns.shape[1]))
    np.add.at(sums, cluster, columns)

    random = np.random.default_rng(seed)
    means: Values = np.empty((resamples, table.shape[1]))
    step = max(_WEIGHTS_PER_CHUNK // len(labels), 1)
    for start in range(0, resamples, step):
        chunk = means[start : start + step]
        totals = _times_drawn(random, len(chunk), len(labels)) @ sums
        np.divide(totals[:, :-1], totals[:, -1:], out=chunk)
    means += table[0]
    return means


def intervals(values: ArrayLike, clusters: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED) -> Values:
    """95 % percentile intervals of the means of `bootstrap_means`.

    Returns:
        Lower and upper bound of each column, shape `(m, 2)`.

    >>> intervals([[1.0], [1.0], [0.0], [0.0]], [0, 0, 1, 1]).tolist()
    [[0.0, 1.0]]
    """
    bounds: Values = np.quantile(bootstrap_means(values, clusters, resamples, seed), [0.025, 0.975], axis=0)
    return bounds.T


def _times_drawn(random: np.random.Generator, resamples: int, clusters: int) -> Values:
    """How often each cluster is drawn in each resample, shape `(resamples, clusters)`."""
    drawn = random.integers(clusters, size=(resamples, clusters))
    drawn += np.arange(resamples)[:, None] * clusters
    return np.bincount(drawn.ravel(), minlength=resamples * clusters).reshape(resamples, clusters).astype(np.float64)
