"""How well every item matches every query: scores, one tile of queries at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.measures.counting import THREADS, one_blas_thread

Vectors = NDArray[np.floating[Any]]
Scores = NDArray[np.float32]

# Large enough for a matrix product at full speed, small enough to stay near the processor.
_SCORES_PER_TILE = 1 << 20
_LEAST_ROWS = 64
_MOST_SCORES = 1 << 27
"""In a tile, of which there is one more than there are cores: half a gigabyte, reached at two million items."""


def unit_vectors(vectors: Vectors, out: Scores | None = None) -> Scores:
    """Scale every row to length one, in float32.

    A row of zeros stays as it is: its cosine with anything is 0, so it ties with everything and ranks last under
    pessimistic ties. Non-finite values stay non-finite, for the ranking to refuse.

    Args:
        vectors: shape `(n, d)`.
        out: where to put the result; a new array by default.

    >>> unit_vectors(np.array([[3.0, -4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, -0.800000011920929], [0.0, 0.0]]
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    with np.errstate(all="ignore"):
        squares = np.einsum("ij,ij->i", vectors, vectors)
        units: Scores = np.divide(vectors, np.sqrt(squares)[:, None], out=out)
        # Squares near the ends of float32's range have lost digits, or everything: these rows again in float64.
        extreme = np.flatnonzero(~((squares > 1e-30) & (squares < 1e30)))
        if extreme.size:
            rows = vectors[extreme].astype(np.float64)
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            units[extreme] = rows / np.where(lengths == 0, 1, lengths)
    return units


def score_tiles(
    queries: Vectors,
    items: Vectors,
    score: Callable[[Scores, Scores], Scores] | None = None,
) -> Iterator[tuple[slice, Scores]]:
    """Score all items for some queries at a time, so that the whole score matrix never exists.

    Args:
        queries: embeddings, shape `(q, d)`; may be a memory map.
        items: embeddings, shape `(n, d)`.
        score: a system's own score, from `(rows, d)` and `(n, d)` to `(rows, n)`, higher meaning a better match;
            without it the cosine.

    Yields:
        The queries of a tile and their float32 scores, shape `(rows, n)`, queries in order. Under the cosine, equal
        items get equal scores. The array is overwritten by the next tile: use or copy it before going on.

    Raises:
        ValueError: the embeddings are not two matrices of the same width.
    """
    if queries.ndim != 2 or items.ndim != 2 or (score is None and queries.shape[1] != items.shape[1]):
        raise ValueError(f"expected (q, d) and (n, d) embeddings, got {queries.shape} and {items.shape}")
    count = max(len(items), 1)
    step = max(_SCORES_PER_TILE // count, min(_LEAST_ROWS, _MOST_SCORES // count), 1)
    tiles = [slice(start, min(start + step, len(queries))) for start in range(0, len(queries), step)]
    return _cosines(queries, items, tiles) if score is None else _own_scores(queries, items, tiles, score)


def _cosines(queries: Vectors, items: Vectors, tiles: list[slice]) -> Iterator[tuple[slice, Scores]]:
    """Cosines, computed ahead of their use: one tile per core, each by a matrix product on that core alone.

    Products that share all cores would leave most of them idle while the caller works on a tile. A matrix product may
    sum different columns in different orders, which would give equal items unequal scores and lose ties: so only one
    of several equal items is multiplied, and its scores are those of all.
    """
    targets, place = _distinct(unit_vectors(items))
    targets = np.ascontiguousarray(targets.T)
    # One buffer per thread, and one for the tile the caller has.
    rows = tiles[0].stop if tiles else 0
    buffers = [
        (np.empty((rows, len(targets)), np.float32), np.empty((rows, targets.shape[1]), np.float32))
        for _ in tiles[: THREADS + 1]
    ]

    def compute(number: int) -> tuple[slice, Scores]:
        tile = tiles[number]
        units, scores = buffers[number % len(buffers)]
        count = tile.stop - tile.start
        unit_vectors(queries[tile], out=units[:count])
        np.matmul(units[:count], targets, out=scores[:count])
        return tile, scores[:count] if place is None else scores[:count, place]

    with one_blas_thread(), ThreadPoolExecutor(THREADS) as threads:
        ahead: deque[Future[tuple[slice, Scores]]] = deque()
        try:
            for number in range(len(tiles)):
                if len(ahead) == len(buffers):
                    yield ahead.popleft().result()
                ahead.append(threads.submit(compute, number))
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _own_scores(
    queries: Vectors, items: Vectors, tiles: list[slice], score: Callable[[Scores, Scores], Scores]
) -> Iterator[tuple[slice, Scores]]:
    """`score` is called by one thread: it need not be thread-safe."""
    items = np.asarray(items, dtype=np.float32)
    for tile in tiles:
        yield tile, score(np.asarray(queries[tile], dtype=np.float32), items)


def _distinct(rows: Scores) -> tuple[Scores, NDArray[np.int64] | None]:
    """The rows without those that are equal to an earlier one.

    Args:
        rows: shape `(n, d)`; overwritten.

    Returns:
        The rows that are left, and for each given row its index among them; `None` where none was left out.
    """
    rows += np.float32(0)  # -0 becomes 0, which it is equal to.
    # Few rows agree in their first two numbers; only these are compared as a whole.
    start = np.ascontiguousarray(rows[:, :2])
    # Of a single row the strides do not say how long it is.
    key = start.view(f"i{start.itemsize * start.shape[1]}")
    _, group, sizes = np.unique(key, return_inverse=True, return_counts=True)
    alike = np.flatnonzero(sizes[group.ravel()] > 1)
    whole = np.ascontiguousarray(rows[alike]).view(f"V{rows.itemsize * rows.shape[1]}").ravel()
    _, first, copies = np.unique(whole, return_index=True, return_inverse=True)
    if len(first) == len(alike):
        return rows, None
    original = np.arange(len(rows))
    original[alike] = alike[first][copies]
    left = np.unique(original)
    return rows[left], np.searchsorted(left, original)
