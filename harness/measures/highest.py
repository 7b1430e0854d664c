"""The highest scores of every row, in order, without sorting the others."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Scores = NDArray[np.float32]

_LEAST_COLUMNS = 64
"""Columns whose maxima bound the k-th highest score from below; more of them than `k` let few other scores pass."""


def reached(scores: Scores, k: int) -> Scores:
    """A bound that at least `k` scores of each row reach, and few more; shape `(rows, 1)`."""
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

    A bound that k scores of the row reach leaves few candidates, and only these are sorted: the maxima of many columns
    of the row, laid out as a matrix, are different scores of it, so that k scores reach the k-th highest of them.

    Args:
        scores: shape `(rows, n)`, none of them NaN.
        k: how many, 1 to n.

    Returns:
        Columns and scores, each of shape `(rows, k)`.
    """
    rows, count = scores.shape
    if not rows:
        return np.empty((0, k), np.int64), np.empty((0, k), scores.dtype)
    (candidates,) = (scores >= reached(scores, k)).ravel().nonzero()
    found = scores.ravel().take(candidates)
    if rows == 1:
        order = (-found).argsort(kind="stable")[:k]
        return candidates[order][None], found[order][None]
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
