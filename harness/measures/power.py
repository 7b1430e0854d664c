"""What a comparison can tell apart: the least difference that clips show, and how many runs a difference takes."""

from collections.abc import Sequence
from math import ceil, inf
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

POWER = 0.8
"""The probability with which a difference is to be told apart that is there."""


def detectable_differences(
    values: ArrayLike, clusters: ArrayLike, pairs: Sequence[tuple[int, int]], *, alpha: float = 0.05
) -> NDArray[np.float64]:
    """The least difference between the means of two columns that a test over clips tells apart with the chance `POWER`.

    It is (z(1 - alpha / 2) + z(POWER)) times the standard error of the difference, which comes from the clips: their
    queries succeed and fail together (Cohen 1988, Statistical Power Analysis; Card et al. 2020, With Little Power Comes
    Great Responsibility). It is what an improvement has to be that leaves the scatter between the two as it is.

    Args:
        values: one row per query and one column per measure or system, shape `(q, m)`.
        clusters: a label per query, usually its clip, shape `(q,)`.
        pairs: columns to compare.
        alpha: the level of the test; of several comparisons, divided by their number.

    Returns:
        One difference for each pair; 0 for columns that are equal, infinite where all queries are of one clip.

    >>> detectable_differences([[1, 0], [0, 0], [1, 1], [0, 1]], [0, 1, 2, 3], [(0, 1)]).round(3).tolist()
    [1.144]
    """
    table = np.asarray(values, dtype=np.float64)
    cluster = np.unique(np.asarray(clusters), return_inverse=True)[1]
    count = int(cluster.max()) + 1
    factor = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(POWER)
    found = np.empty(len(pairs))
    for index, (first, second) in enumerate(pairs):
        difference = table[:, first] - table[:, second]
        apart = np.bincount(cluster, difference - difference.mean(), minlength=count)
        if count > 1:
            found[index] = factor * np.sqrt((apart**2).sum() * count / (count - 1)) / len(table)
        else:
            found[index] = inf if difference.any() else 0.0
    return found


def runs_needed(deviation: float, difference: float, *, alpha: float = 0.05) -> int | None:
    """The number of runs of each of two systems, such as seeds of a training, that tells their means apart.

    With the chance `POWER`, by a t-test over runs: 2 (z(1 - alpha / 2) + z(POWER))^2 (deviation / difference)^2 plus
    z(1 - alpha / 2)^2 / 4, at least 2 (Guenther 1981, Sample size formulas for normal theory t tests).

    Args:
        deviation: standard deviation of the measure between runs of one system.
        difference: of the two systems' means.
        alpha: the level of the test.

    Returns:
        The number; `None` for a difference of 0, which no number of runs shows.

    >>> runs_needed(0.01, 0.01), runs_needed(0.01, 0.05)
    (17, 2)
    """
    if not difference:
        return None
    level, power = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(POWER)
    return max(ceil(2 * ((level + power) * deviation / difference) ** 2 + level**2 / 4), 2)
