"""The best items of a large collection for a query: exact, without sorting, in one pass over its memory."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.errors import UserError
from harness.machine import is_metered, stage, usable_cores
from harness.measures.counting import one_blas_thread
from harness.measures.highest import highest, highest_of, reached

Indices = NDArray[np.int64]
Found = TypeVar("Found")
Number = TypeVar("Number", np.int64, np.float32, np.float64)

_BYTES_PER_BLOCK = 1 << 24
"""Size of a block of items: large enough to make the cost of a call negligible, small beside the collection."""
_SCORES_PER_BLOCK = 1 << 19
"""Number of scores that stay in a core's own cache."""
_LEAST_PER_THREAD = 1 << 22
"""Bytes of items below which a second thread costs more than it saves: they stay in a core's cache."""
_LEAST_SHARED = 1 << 26
"""Multiplications with items in a core's cache below which a second thread costs more than it saves."""
_QUERIES_PER_READING = 8
"""Queries whose products with an item take about as long as reading it from memory does."""
_MORE = 6
"""Items found beyond the `k` best, among which those are that rounding may have kept out."""
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

    The order is that of exact arithmetic wherever two products differ by more than the rounding of float64, and equal
    items tie wherever in the collection they are. Float32 products, on every core, only find the candidates: the items
    whose product is within the largest possible rounding error of the k-th best. In a small collection those of them
    that are nearer to each other than that error are scored again in float64, which decides; in a large one, which is
    read in blocks, all of them are.

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
        # A part of a memory map takes longer to name than one of a plain array, which this is now.
        self.items = np.asarray(items)
        self.threads = threads or usable_cores()
        self._rows = max(_BYTES_PER_BLOCK // max(4 * items.shape[1], 1), 1)
        terms = items.shape[1]
        rounding = terms * 2.0**-24
        # A query's length, too, is known to float32's rounding only.
        self._error = self._longest_item() * rounding / (1 - rounding) * (1 + 2 * rounding)
        # For products so small that a processor may flush them to zero: of query and item, and of a query with itself.
        self._least_error = terms * 2.0**-126 + self._error * math.sqrt(terms) * 2.0**-62
        self._is_small = len(items) <= self._rows and len(self._parts(1, 1)) == 1
        self._one_query = (1, terms)

    def search(self, queries: Array, k: int) -> tuple[Indices, Array]:
        """The `k` best items of each query.

        Args:
            queries: float32 `(q, d)`.
            k: how many; all items where there are fewer.

        Returns:
            Item indices and their inner products in float32, within its rounding error, each `(q, min(k, n))`.

        Raises:
            UserError: a query is not finite, or longer than `_LONGEST`.
            ValueError: the queries have another width than the items.
        """
        k = min(k, len(self.items))
        # What is metered is answered by the way whose stages can be told apart.
        if self._is_small and queries.shape == self._one_query and k > 0 and not is_metered():
            return self._search_small(np.asarray(queries[0], np.float32), k)
        queries = np.ascontiguousarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.items.shape[1]:
            raise ValueError(f"expected queries (q, {self.items.shape[1]}), got {queries.shape}")
        margin = self._margin(queries)
        if k < 1 or not len(queries):
            return np.empty((len(queries), max(k, 0)), np.int64), np.empty((len(queries), max(k, 0)), np.float32)
        alone = self._is_small and len(queries) * self.items.size < _LEAST_SHARED
        parts = [range(len(self.items))] if alone else self._parts(len(queries), k)
        if not self._at_once(len(queries), len(parts)):
            return self._search_carefully(queries, margin, k)
        columns = self._columns if alone else self.items.T
        with stage("score"):
            found = self._in_parts(
                lambda part: _best(queries @ columns[:, part.start : part.stop], k, part.start), len(queries), parts
            )
        with stage("rank"):
            item, score = _merged(found, k) if found[1:] else found[0]
            return self._settled(queries, margin, item, score, k)

    def _search_small(self, query: Array, k: int) -> tuple[Indices, Array]:
        """The best items for one query in a collection that a core's cache holds.

        What takes a microsecond counts here: it is a thirtieth of the products.
        """
        # Unlike other products this one does not warn where it overflows.
        length = math.sqrt(np.vdot(query, query))
        if not length < _LONGEST:
            _refuse(query[None], "query")
        apart = 2 * (length * self._error + self._least_error)
        scores = self.items.dot(query)
        item, score = highest_of(scores, min(k + 1, len(scores)))
        last = math.inf
        for one in score.tolist():
            if last - one <= apart:
                item, score = highest(scores[None], min(k + _MORE, len(scores)))
                return self._settled(query[None], np.array([apart / 2]), item, score, k)
            last = one
        return item[None, :k], score[None, :k]

    def _at_once(self, queries: int, parts: int) -> bool:
        """Whether the items of a part are few enough to be scored together for so many queries."""
        items = -(-len(self.items) // parts)
        return queries * items <= _SCORES_PER_BLOCK and items <= self._rows

    def _settled(
        self, queries: Array, margin: NDArray[np.float64], item: Indices, score: Array, k: int
    ) -> tuple[Indices, Array]:
        """The best of items sorted by float32 products, in exact order also where two of these are too near to tell."""
        near = score[:, :-1] - score[:, 1:] <= (2 * margin)[:, None]
        if not near[:, :k].any():
            return item[:, :k], score[:, :k]
        rows = np.flatnonzero(near[:, :k].any(axis=1))
        close = np.zeros((len(rows), score.shape[1]), bool)
        close[:, :-1] = near[rows]
        close[:, 1:] |= near[rows]
        # The others are further from these than both products may err, so that the two kinds can be sorted together.
        row, column = np.nonzero(close)
        exact = score[rows].astype(np.float64)
        exact[row, column] = self._exact(queries, rows[row], item[rows[row], column])
        order = np.lexsort((item[rows], -exact))
        item[rows] = _taken(item[rows], order)
        score[rows] = _taken(exact, order)
        if score.shape[1] < len(self.items):
            # What is not among these may be as near to the last one asked for.
            open_ = rows[score[rows, k - 1] - score[rows, -1] <= 4 * margin[rows]]
            if open_.size:
                item[open_, :k], score[open_, :k] = self._search_carefully(queries[open_], margin[open_], k)
        return item[:, :k], score[:, :k]

    def _search_carefully(self, queries: Array, margin: NDArray[np.float64], k: int) -> tuple[Indices, Array]:
        """Find candidates in blocks, and score them in float64."""
        with stage("score"):
            parts = self._parts(1, k)
            found = self._in_parts(lambda part: self._candidates(queries, margin, k, part), len(queries), parts)
        with stage("rank"):
            best = found[0]
            if found[1:]:
                best.waiting = [(part.query, part.item) for part in found[1:]]
                self._compare(best, queries, k)
            shape = (len(queries), k)
            return best.item.reshape(shape), best.score.reshape(shape).astype(np.float32)

    def _parts(self, queries: int, k: int) -> list[range]:
        """The items of each thread."""
        count = len(self.items)
        worth = self.items.nbytes * max(queries / _QUERIES_PER_READING, 1) // _LEAST_PER_THREAD
        return _split(count, int(max(min(self.threads, worth, count // max(k, 1)), 1)))

    def _in_parts(self, search: Callable[[range], Found], queries: int, parts: Sequence[range]) -> list[Found]:
        """Each part searched by a thread of its own."""
        if len(parts) == 1:
            with one_blas_thread() if queries > 1 else nullcontext():
                return [search(parts[0])]
        with one_blas_thread():
            others = [self._pool.submit(search, part) for part in parts[1:]]
            return [search(parts[0]), *(other.result() for other in others)]

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """The other threads; starting them for each search would take longer than a small one."""
        return ThreadPoolExecutor(max(self.threads - 1, 1))

    @cached_property
    def _columns(self) -> Array:
        """The items in the order in which a product of matrices takes them; otherwise each brings them there first."""
        return np.ascontiguousarray(self.items.T)

    def _candidates(self, queries: Array, margin: NDArray[np.float64], k: int, part: range) -> _Candidates:
        found = _Candidates.none(len(queries))
        compare_at = 1
        for number, (start, scores) in enumerate(self._products(queries, part), start=1):
            if number == 1 and scores.shape[1] > k:
                # The k-th best of the first block, less the rounding error of both products.
                found.least = _below(reached(scores, k)[:, 0] - 2 * margin)
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
        # For a single query and items beyond the cache, one product of two vectors per item is faster than a product
        # of matrix and vector. These read the items once, however large the block.
        each = len(queries) == 1 and self.items[part.start : part.stop].nbytes > _LEAST_PER_THREAD
        rows = _SCORES_PER_BLOCK if each else max(min(self._rows, _SCORES_PER_BLOCK // len(queries)), 1)
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
        exact = queries.astype(np.float64)
        margin: NDArray[np.float64] = np.sqrt(np.vecdot(exact, exact))
        if not (margin < _LONGEST).all():
            _refuse(queries, "query")
        margin *= self._error
        margin += self._least_error
        return margin

    def _longest_item(self) -> float:
        longest = 0.0
        for start in range(0, len(self.items), self._rows):
            some = self.items[start : start + self._rows]
            _refuse(some, "item", start)
            # In float32 for speed; the bound below adds its rounding error.
            squares = np.einsum("ij,ij->i", some, some)
            longest = max(longest, float(squares.max(initial=0)))
        terms = self.items.shape[1]
        bound: float = math.sqrt(longest) * (1 + terms * 2.0**-23) + math.sqrt(terms) * 2.0**-62
        return bound


def _split(count: int, parts: int) -> list[range]:
    """So many numbers in parts of about one size."""
    if parts == 1:
        return [range(count)]
    return [range(start, stop) for start, stop in pairwise(count * part // parts for part in range(parts + 1))]


def _best(scores: Array, k: int, first: int = 0) -> tuple[Indices, Array]:
    """The highest products of each query with the items from `first` on: `k` and a few more, or all, highest first."""
    item, score = highest(scores, min(k + _MORE, scores.shape[1]))
    return (item + first if first else item), score


def _merged(found: Sequence[tuple[Indices, Array]], k: int) -> tuple[Indices, Array]:
    """The best of what the parts found: `k` and a few more, or all."""
    item, score = (np.concatenate(some, axis=1) for some in zip(*found, strict=True))
    order = np.argsort(-score, axis=1)
    return _taken(item, order)[:, : k + _MORE], _taken(score, order)[:, : k + _MORE]


def _taken(values: NDArray[Number], columns: Indices) -> NDArray[Number]:
    """What `np.take_along_axis(values, columns, axis=1)` gives, without its preparations."""
    if len(values) > 1:
        columns = columns + np.arange(0, values.size, values.shape[1])[:, None]
    return values.ravel().take(columns)


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
