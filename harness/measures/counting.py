"""The number of items that score above a relevant one, counted on every core."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.machine import usable_cores
from harness.protocols import Relevance

Counts = NDArray[np.int64]
Scores = NDArray[np.floating[Any]]

THREADS = usable_cores()
"""Threads that numpy work is shared among: one per core this process may use."""


@cache
def _blas() -> Any:
    """The matrix libraries of this process, found once: finding them takes longer than a small product."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """Products are made by the threads that ask for them: a library's own stay busy for 30 ms after each."""
    limited: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limited


_SCORES_PER_BLOCK = 1 << 19
"""Few enough to stay in a cache while they are read three times, and so many that threads seldom wait for each other:
each of a block's dozen steps ends with taking Python's lock."""


@dataclass(frozen=True, eq=False)
class RelevantPairs:
    """What is counted for every relevant pair of a query and an item; each array has shape `(pairs,)`.

    Attributes:
        query: index of the query, ascending.
        item: index of the item.
        score: of the pair itself.
        above: number of items that score higher for the query.
        at_or_above: number of items that score as high or higher, the pair's own included.
    """

    query: Counts
    item: Counts
    score: NDArray[np.float64]
    above: Counts
    at_or_above: Counts

    @classmethod
    def of(cls, relevance: Relevance) -> "RelevantPairs":
        """All pairs of a relevance, with nothing counted yet."""
        query = np.repeat(np.arange(len(relevance)), relevance.counts)
        return cls(query, relevance.items, np.empty(len(query)), np.empty_like(query), np.empty_like(query))

    def count(self, scores: Scores, tile: slice, pairs: slice, helpers: Executor) -> bool:
        """Fill in `pairs`, those of the queries of `tile`, from their scores of shape `(queries, items)`.

        Returns:
            Whether all scores are finite; otherwise the counts are not valid.
        """
        count = pairs.stop - pairs.start
        # Blocks of one size, so that none of the threads has more to do than the others.
        step = max(-(-count // max(round(count * scores.shape[1] / _SCORES_PER_BLOCK), 1)), 1)
        blocks = [slice(start, min(start + step, pairs.stop)) for start in range(pairs.start, pairs.stop, step)]
        # All threads, this one included, take blocks from one iterator until none is left.
        waiting = iter(blocks)
        with one_blas_thread():
            shares = [helpers.submit(self._count_blocks, scores, tile.start, step, waiting) for _ in blocks[1:THREADS]]
            finite = [self._count_blocks(scores, tile.start, step, waiting), *(share.result() for share in shares)]
        return all(finite)

    def _count_blocks(self, scores: Scores, first_query: int, most: int, blocks: Iterator[slice]) -> bool:
        width = scores.shape[1]
        # Of each row the score that it is compared with, as often as it is compared; and which scores are equal to it.
        own_scores, equal = np.empty((most, width), scores.dtype), np.empty((most, width), np.bool_)
        # Rows of flags are padded to whole 8-byte words, which are added up instead of single flags.
        padded = np.zeros((most, -(-width // 8) * 8), np.bool_)
        for pairs in blocks:
            rows = self.query[pairs] - first_query
            one_each = rows[-1] - rows[0] + 1 == len(rows)
            block = scores[rows[0] : rows[-1] + 1] if one_each else scores[rows]
            own, same, flags = own_scores[: len(rows)], equal[: len(rows)], padded[: len(rows)]
            if not _all_finite(block):
                return False
            # Read from the row it is compared with: rounding can neither make nor hide a tie.
            self.score[pairs] = of_pairs = block[np.arange(len(rows)), self.item[pairs]]
            np.copyto(own, of_pairs[:, None])
            np.greater(block, own, out=flags[:, :width])
            self.above[pairs] = _row_sums(flags)
            np.equal(block, own, out=same)
            if np.count_nonzero(same) == len(rows):
                self.at_or_above[pairs] = self.above[pairs] + 1
            else:
                np.greater_equal(block, own, out=flags[:, :width])
                self.at_or_above[pairs] = _row_sums(flags)
        return True


def _all_finite(block: Scores) -> bool:
    """Whether all are finite; where the sum of their squares is, which takes half the time, they are."""
    flat = block.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(flat.dot(flat)) or np.isfinite(flat).all())


def _row_sums(flags: NDArray[np.bool_]) -> Counts:
    """Number of flags set in each row: eight bytes of a row are added at once, as lanes of a 64-bit word."""
    words = flags.view(np.uint64)
    sums = np.zeros(len(flags), np.int64)
    for first in range(0, words.shape[1], 255):  # a lane holds no larger sum
        lanes = words[:, first : first + 255].sum(axis=1)
        sums += lanes.view(np.uint8).reshape(-1, 8).sum(axis=1, dtype=np.int64)
    return sums
