"""The highest scores of every row, in order, without sorting the others."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Scores = NDArray[np.float32]

_LEAST_COLUMNS = 64
"""Columns whose maxima bound the k-th highest score from below; more of them than `k` let few other scores pass."""


def reached(scores: Scores, k: int) -> Scores:
    """A bound that at least `k` scores of each row reach, and few more; shape `(rows, 1)`.

    The maxima of many columns of a row, laid out as a matrix, are different scores of it: k of its scores reach the
    k-th highest of them.
    """
    rows, count = scores.shape
    columns = max(_LEAST_COLUMNS, 4 * k)
    height = count // columns
    if height > 1:
        maxima: Scores = np.maximum.reduce(scores[:, : height * columns].reshape(rows, height, columns), axis=1)
    else:
        maxima, columns = scores.copy(), count
    maxima.partition(columns - k, axis=1)
    return maxima[:, columns - k, None]


def highest(scores: Scores, k: int) -> tuple[Indices, Scores]:
    """The `k` highest scores of every row, the highest first; of equal ones the lower column first.

    A bound that k scores of the row reach leaves few candidates, and only these are sorted.

    Args:
        scores: shape `(rows, n)`, none of them NaN.
        k: how many, 1 to n.

    Returns:
        Columns and scores, each of shape `(rows, k)`.
    """
    rows, count = scores.shape
    if not rows:
        return np.empty((0, k), np.int64), np.empty((0, k), scores.dtype)
    if rows == 1:
        columns, found = highest_of(scores[0], k)
        return columns[None], found[None]
    (candidates,) = (scores >= reached(scores, k)).ravel().nonzero()
    found = scores.ravel().take(candidates)
    # Each row's candidates beside each other, and behind them what comes after all of them.
    each = np.bincount(candidates // count, minlength=rows)
    width = int(each.max())
    there = np.arange(width) < each[:, None]
    below = np.full(there.shape, np.inf, scores.dtype)
    below[there] = -found
    column = np.empty(there.shape, np.int64)
    column[there] = candidates
    order = below.argsort(axis=1, kind="stable")[:, :k]
    order += np.arange(0, rows * width, width)[:, None]
    return column.ravel().take(order) - count * np.arange(rows)[:, None], -below.ravel().take(order)


def highest_of(scores: Scores, k: int) -> tuple[Indices, Scores]:
    """The same of a single row, shape `(n,)`, in the fewest steps: each takes about a microsecond."""
    width = max(_LEAST_COLUMNS, 4 * k)
    height = len(scores) // width
    if height < 2:
        order = (-scores).argsort(kind="stable")[:k]
        return order, scores[order]
    maxima = np.maximum.reduce(scores[: height * width].reshape(height, width))
    maxima.partition(width - k)
    (columns,) = (scores >= maxima[width - k]).nonzero()
    # From behind: what is sorted upwards and stably, and read from behind again, has the lower of equal ones first.
    columns = columns[::-1]
    found = scores[columns]
    order = found.argsort(kind="stable")[: -k - 1 : -1]
    return columns[order], found[order]
