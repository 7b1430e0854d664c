"""The best items of a large collection for a query: exact, without sorting, in one pass over its memory."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.errors import UserError
from harness.machine import stage, usable_cores

Indices = NDArray[np.int64]

_BYTES_PER_BLOCK = 1 << 24
"""Size of a block of items: large enough to make the cost of a call negligible, small beside the collection."""
_SCORES_PER_BLOCK = 1 << 19
"""Number of scores that stay in a core's own cache."""
_LEAST_PER_THREAD = 1 << 22
"""Bytes of items below which a second thread costs more than it saves: they stay in a core's cache."""
_MOST_CANDIDATES = 1 << 20
_ROWS_RESCORED = 1 << 8
_LONGEST = 1e18
"""Largest length of a vector: the product of two is still within float32's range."""


@dataclass(eq=False)
class _Candidates:
    """The items found so far that may be among the best of a query.

    Attributes:
        query: index of the query of each candidate.
        item: index of its item.
        score: their inner product in float64.
        least: the product that an item has to reach to become a candidate of each query, shape `(queries,)`.
        waiting: queries and items found since the candidates were last compared.
    """

    query: Indices
    item: Indices
    score: NDArray[np.float64]
    least: Array
    waiting: list[tuple[Indices, Indices]] = field(default_factory=list)

    @classmethod
    def none(cls, queries: int) -> "_Candidates":
        nothing = np.empty(0, np.int64)
        return cls(nothing, nothing, np.empty(0), np.full(queries, -np.inf, np.float32))

    @property
    def count_waiting(self) -> int:
        return sum(len(items) for _, items in self.waiting)


class ExactIndex:
    """Finds the items with the highest inner products, best first; of equal ones the lower index comes first.

    Float32 products, in blocks and on every core, only find the candidates: the items whose product is within the
    largest possible rounding error of the k-th best. These few are scored again in float64, which decides. So the
    result is that of exact arithmetic wherever two products differ by more than the rounding of float64, and equal
    items tie wherever in the collection they are.

    Rounding: |fl(x.y) - x.y| <= d u / (1 - d u) |x| |y| in any order of summation, u = 2^-24 (Higham, Accuracy and
    Stability of Numerical Algorithms, 2002, section 3.1).

    >>> index = ExactIndex(np.eye(4, dtype=np.float32)[[0, 1, 1, 2]])
    >>> index.search(np.array([[0.1, 0.9, 0.0, 0.0]], np.float32), 3)[0].tolist()
    [[1, 2, 0]]
    """

    def __init__(self, items: Array, threads: int | None = None) -> None:
        """Use a collection as it is, neither copied nor normalised.

        Args:
            items: float32 `(n, d)`, each row contiguous; may be a memory map.
            threads: number of threads; `None` for one per core.

        Raises:
            UserError: an item is not finite, or longer than `_LONGEST`.
            ValueError: the items are not a float32 matrix.
        """
        if items.ndim != 2 or items.dtype != np.float32:
            raise ValueError(f"expected float32 items (n, d), got {items.dtype} {items.shape}")
        self.items = items
        self.threads = threads or usable_cores()
        self._rows = max(_BYTES_PER_BLOCK // max(4 * items.shape[1], 1), 1)
        self._longest = self._longest_item()

    def search(self, queries: Array, k: int) -> tuple[Indices, Array]:
        """The `k` best items of each query.

        Args:
            queries: float32 `(q, d)`.
            k: how many; all items where there are fewer.

        Returns:
            Item indices and their inner products rounded to float32, each `(q, min(k, n))`.

        Raises:
            UserError: a query is not finite, or longer than `_LONGEST`.
            ValueError: the queries have another width than the items.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.items.shape[1]:
            raise ValueError(f"expected queries (q, {self.items.shape[1]}), got {queries.shape}")
        margin = self._margin(queries)
        k = min(k, len(self.items))
        if k < 1 or not len(queries):
            return np.empty((len(queries), max(k, 0)), np.int64), np.empty((len(queries), max(k, 0)), np.float32)
        with stage("score"):
            found = self._search_parts(queries, margin, k)
        with stage("rank"):
            best = found[0]
            if found[1:]:
                best.waiting = [(part.query, part.item) for part in found[1:]]
                self._compare(best, queries, k)
            shape = (len(queries), k)
            return best.item.reshape(shape), best.score.reshape(shape).astype(np.float32)

    def _search_parts(self, queries: Array, margin: NDArray[np.float64], k: int) -> list[_Candidates]:
        """Divide the items among threads: each finds its own `k` best."""
        count = len(self.items)
        threads = max(min(self.threads, self.items.nbytes // _LEAST_PER_THREAD, count // max(k, 1)), 1)
        edges = [count * part // threads for part in range(threads + 1)]
        parts = [range(start, stop) for start, stop in pairwise(edges)]
        # A matrix library's own threads spin for some time after a product and would slow down the next encoder.
        if threads == 1:
            with _blas().limit(limits=1, user_api="blas") if len(queries) > 1 else nullcontext():
                return [self._search_part(queries, margin, k, parts[0])]
        with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads - 1) as pool:
            others = [pool.submit(self._search_part, queries, margin, k, part) for part in parts[1:]]
            return [self._search_part(queries, margin, k, parts[0]), *(other.result() for other in others)]

    def _search_part(self, queries: Array, margin: NDArray[np.float64], k: int, part: range) -> _Candidates:
        found = _Candidates.none(len(queries))
        compare_at = 1
        for number, (start, scores) in enumerate(self._products(queries, part), start=1):
            if number == 1 and scores.shape[1] > k:
                # The k-th best of the first block, less the rounding error of both products.
                found.least = _below(np.partition(scores, -k, axis=1)[:, -k] - 2 * margin)
            row, column = _at_least(scores, found.least)
            if row.size:
                found.waiting.append((row, column + start if start else column))
            if len(scores[0]) == len(part):
                break
            if number >= compare_at or found.count_waiting > _MOST_CANDIDATES:
                compare_at = 4 * number
                self._compare(found, queries, k)
                if len(found.item) == k * len(queries):
                    kth = found.score.reshape(-1, k)[:, -1]
                    found.least = np.maximum(found.least, _below(kth - margin))
        self._compare(found, queries, k)
        return found

    def _products(self, queries: Array, part: range) -> Iterator[tuple[int, Array]]:
        """First item of each block, and products `(queries, items of the block)`, overwritten by the next."""
        rows = max(min(self._rows, _SCORES_PER_BLOCK // len(queries)), 1)
        # For a single query and items beyond the cache, one product of two vectors per item is faster than a product
        # of matrix and vector.
        each = len(queries) == 1 and self.items[part.start : part.stop].nbytes > _LEAST_PER_THREAD
        buffer = np.empty(len(queries) * min(rows, len(part)), np.float32)
        for start in range(part.start, part.stop, rows):
            items = self.items[start : min(start + rows, part.stop)]
            scores = buffer[: len(queries) * len(items)].reshape(len(queries), len(items))
            if each:
                np.vecdot(items, queries[0], out=scores[0])
            else:
                np.matmul(queries, items.T, out=scores)
            yield start, scores

    def _compare(self, found: _Candidates, queries: Array, k: int) -> None:
        """Score the waiting items in float64, and keep the `k` best of each query, in order."""
        if not found.waiting:
            return
        query, item = map(np.concatenate, zip(*found.waiting, strict=True))
        found.waiting.clear()
        score = self._exact(queries, query, item)
        if len(found.item):
            query, item = np.append(found.query, query), np.append(found.item, item)
            score = np.append(found.score, score)
        order = np.lexsort((item, -score, query))
        if len(queries) == 1:
            kept = order[:k]
        else:
            first = np.searchsorted(query[order], np.arange(len(queries)))
            kept = order[np.arange(len(order)) - first[query[order]] < k]
        found.query, found.item, found.score = query[kept], item[kept], score[kept]

    def _exact(self, queries: Array, query: Indices, item: Indices) -> NDArray[np.float64]:
        """Inner products in float64. All are summed in one order, so that equal items score equal."""
        scores = np.empty(len(item))
        for start in range(0, len(item), _ROWS_RESCORED):
            some = slice(start, start + _ROWS_RESCORED)
            products = self.items[item[some]].astype(np.float64)
            products *= queries[query[some]] if len(queries) > 1 else queries
            products.sum(axis=1, out=scores[some])
        return scores

    def _margin(self, queries: Array) -> NDArray[np.float64]:
        """The largest error a float32 product may have, per query.

        Raises:
            UserError: a query is not finite, or longer than `_LONGEST`.
        """
        terms = self.items.shape[1]
        rounding = terms * 2.0**-24
        exact = queries.astype(np.float64)
        lengths = np.sqrt(np.vecdot(exact, exact))
        if not lengths.max(initial=0) < _LONGEST:
            _refuse(queries, "query")
        # The last summand is for products so small that a processor may flush them to zero.
        margin: NDArray[np.float64] = lengths * self._longest * rounding / (1 - rounding) + terms * 2.0**-126
        return margin

    def _longest_item(self) -> float:
        longest = 0.0
        for start in range(0, len(self.items), self._rows):
            some = self.items[start : start + self._rows]
            _refuse(some, "item", start)
            # In float32 for speed; the bound below adds its rounding error.
            squares = np.einsum("ij,ij->i", some, some)
            longest = max(longest, float(squares.max(initial=0)))
        bound: float = math.sqrt(longest) * (1 + self.items.shape[1] * 2.0**-23) + 2.0**-60
        return bound


def _refuse(vectors: Array, what: str, first: int = 0) -> None:
    # NaN is not less than anything.
    sound = np.abs(vectors).max(axis=1, initial=0) < _LONGEST / np.sqrt(max(vectors.shape[1], 1))
    if not sound.all():
        number = first + int(np.flatnonzero(~sound)[0])
        raise UserError(f"{what} {number} is NaN, infinite or longer than {_LONGEST:.0e}; scale it to length one")


def _at_least(scores: Array, least: Array) -> tuple[Indices, Indices]:
    """Rows and columns of the scores that reach the least of their row."""
    if len(scores) == 1:
        columns = np.flatnonzero(scores[0] >= least[0])
        return np.zeros(len(columns), np.int64), columns
    # The highest score of a query rules out most queries.
    rows = np.flatnonzero(scores.max(axis=1) >= least)
    row, column = np.nonzero(scores[rows] >= least[rows, None])
    return rows[row], column


def _below(values: NDArray[np.float64]) -> Array:
    """The next float32 number below each value."""
    below: Array = np.nextafter(values.astype(np.float32), np.float32(-np.inf))
    return below


@cache
def _blas() -> Any:
    """The matrix libraries of this process, found once: finding them takes longer than a small product."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
