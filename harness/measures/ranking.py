"""Exact ranks of the relevant items, by counting instead of sorting, with both bounds for ties."""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.measures.counting import THREADS, Counts, RelevantPairs, Scores
from harness.measures.highest import highest
from harness.measures.kinds import UNRANKED, Found, Values
from harness.protocols import Relevance

Ties = Literal["pessimistic", "optimistic"]


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of the relevant items, from 1, in compressed rows as in `Relevance`.

    The ranks of query `i` are `[offsets[i]:offsets[i + 1]]` of both arrays, in ascending order, so the first belongs to
    the highest-ranked relevant item. The two arrays differ where a relevant item scores the same as irrelevant ones:
    `optimistic` puts the relevant item first, `pessimistic` last. Every way to break the ties lies between the two.

    Attributes:
        offsets: shape `(queries + 1,)`.
        optimistic: shape `(relevant pairs,)`.
        pessimistic: shape `(relevant pairs,)`.
        gains: how relevant the items at these ranks are, first of `optimistic`, then of `pessimistic`, shape
            `(2, relevant pairs)`; `None` where there are no grades. Those with a gain of 0 are judged, not relevant;
            those with one below 0 are excluded by their query.
        level: the least gain with which an item is relevant to measures that know no grades.
    """

    offsets: Counts
    optimistic: Counts
    pessimistic: Counts
    gains: Values | None = None
    level: float = 0.0

    def found(self, ties: Ties = "pessimistic", *, graded: bool = False) -> tuple[Found, NDArray[np.bool_]]:
        """The ranks of relevant items, and which queries have any, shape `(queries,)`.

        Args:
            ties: which of the two bounds.
            graded: whether all items with a gain above 0 are relevant; else those that reach `level`.
        """
        rank = self.pessimistic if ties == "pessimistic" else self.optimistic
        if self.gains is None:
            everyone = np.ones(len(self), np.bool_)
            return Found(rank, np.ones(len(rank)), self.offsets, [rank[:0]] * len(self)), everyone
        gain = self.gains[1 if ties == "pessimistic" else 0]
        relevant = (gain > 0) & (graded or gain >= self.level)
        counts = np.add.reduceat(relevant, self.offsets[:-1], dtype=np.int64)
        asked = counts > 0
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[asked])])
        # Of equal scores, those of excluded items are the first where those of relevant ones are the last.
        unwanted = np.where(gain < 0, self.optimistic if ties == "pessimistic" else self.pessimistic, 0)
        rows = np.split(unwanted, self.offsets[1:-1]) if unwanted.any() else [rank[:0]] * len(self)
        kept = [row[row > 0] for row, wanted in zip(rows, asked, strict=True) if wanted]
        return Found(rank[relevant], gain[relevant], offsets, kept), asked

    def first(self, ties: Ties = "pessimistic") -> Counts:
        """Rank of the first relevant item of each query, of any grade, shape `(queries,)`."""
        return self.found(ties, graded=True)[0].first

    @property
    def tied_fraction(self) -> float:
        """Share of queries for which a relevant item ties with an irrelevant one, so that the two bounds differ."""
        if not len(self):
            return 0.0
        apart = self.optimistic != self.pessimistic
        if self.gains is not None:
            apart |= self.gains[0] != self.gains[1]
        return float(np.logical_or.reduceat(apart, self.offsets[:-1]).mean())

    def __len__(self) -> int:
        return len(self.offsets) - 1


def rank_scores(scores: Scores, relevance: Relevance) -> Ranks:
    """Rank the relevant items of every query by score, higher being better.

    Args:
        scores: shape `(queries, items)`, finite.
        relevance: relevant items of each query.

    Raises:
        UserError: a score is not finite.
        ValueError: scores and relevance differ in their number of queries.

    >>> scores = np.array([[0.9, 0.1, 0.1], [0.5, 0.2, 0.3]])
    >>> ranks = rank_scores(scores, Relevance.from_lists([[2], [0, 1]]))
    >>> ranks.optimistic.tolist(), ranks.pessimistic.tolist(), ranks.tied_fraction
    ([2, 1, 3], [3, 1, 3], 0.5)
    """
    return rank_tiles([(slice(0, len(scores)), scores)], relevance)


def rank_tiles(tiles: Iterable[tuple[slice, Scores]], relevance: Relevance) -> Ranks:
    """Rank as `rank_scores` does, from tiles of some queries and all items, such as `score_tiles` yields.

    A tile is processed before the next is requested, so other results can be taken from the scores in the same pass:

    >>> from harness.measures.similarity import score_tiles
    >>> best = np.empty((2, 1), np.int64)
    >>> def keep_best(tiles):
    ...     for rows, scores in tiles:
    ...         best[rows] = top_k(scores, 1)[0]
    ...         yield rows, scores
    >>> tiles = score_tiles(np.eye(2, 3), np.eye(3))
    >>> rank_tiles(keep_best(tiles), Relevance.from_lists([[0], [2]])).pessimistic.tolist(), best.tolist()
    ([1, 3], [[0], [1]])

    Raises:
        UserError: a score is not finite.
        ValueError: the tiles do not hold each query of `relevance` once, in order.
    """
    pairs = RelevantPairs.of(relevance)
    done = 0
    try:
        with ThreadPoolExecutor(THREADS) as helpers:
            for tile, scores in tiles:
                if tile.start != done or tile.stop > len(relevance) or len(scores) != tile.stop - tile.start:
                    raise ValueError(
                        f"expected scores from query {done} of {len(relevance)}, got {tile}, {scores.shape}"
                    )
                done = tile.stop
                of_tile = slice(int(relevance.offsets[tile.start]), int(relevance.offsets[tile.stop]))
                if not pairs.count(scores, tile, of_tile, helpers):
                    raise _not_finite(scores, tile.start)
    finally:
        # Threads that compute tiles ahead end now, not when the exception is garbage-collected.
        if isinstance(tiles, Generator):
            tiles.close()
    if done != len(relevance):
        raise ValueError(f"expected scores of {len(relevance)} queries, got {done}")
    return _ranks(pairs, relevance)


def _ranks(pairs: RelevantPairs, relevance: Relevance) -> Ranks:
    """Rank = order among the relevant items + number of irrelevant items above, or at or above."""
    offsets, gains = relevance.offsets, relevance.gains
    if gains is None and len(pairs.query) == len(offsets) - 1:
        return Ranks(offsets, pairs.above + 1, pairs.at_or_above)
    order = np.lexsort((-pairs.score, pairs.query))
    score, above, at_or_above = pairs.score[order], pairs.above[order], pairs.at_or_above[order]
    position = np.arange(len(order)) - offsets[pairs.query]
    # Relevant items of one query with one score form a group: the first one's position is how many relevant items are
    # above any of them, the last one's how many others are at or above.
    changes = (score[1:] != score[:-1]) | (pairs.query[1:] != pairs.query[:-1])
    group = np.cumsum(np.append(False, changes))
    relevant_above = position[np.append(True, changes)][group]
    relevant_at_or_above = position[np.append(changes, True)][group] + 1
    rank = position + 1
    if relevance.judged_only:
        above, at_or_above = relevant_above, relevant_at_or_above
    both = rank + above - relevant_above, rank + at_or_above - relevant_at_or_above
    if gains is None:
        return Ranks(offsets, *both)
    # Of items that score the same, the most relevant comes first in the one order, and last in the other.
    ordered = [gains[np.lexsort((sign * gains, -pairs.score, pairs.query))] for sign in (-1, 1)]
    return Ranks(offsets, *both, np.stack(ordered), relevance.level)


def _not_finite(scores: Scores, start: int) -> UserError:
    query, item = np.argwhere(~np.isfinite(scores))[0]
    return UserError(
        f"the score of query {start + query} and item {item} is {scores[query, item]}; "
        "every score must be a finite number"
    )


def top_k(scores: Scores, k: int) -> tuple[Counts, Scores]:
    """The `k` best items of every query, best first; of equal scores the lower item index first.

    Args:
        scores: shape `(queries, items)`, finite.
        k: how many; all items where there are fewer.

    Returns:
        Item indices and their scores, each of shape `(queries, min(k, items))`.

    Raises:
        UserError: a score is not finite.

    >>> top_k(np.array([[0.1, 0.7, 0.7, 0.9]]), 2)[0].tolist()
    [[3, 1]]
    """
    if not np.isfinite(scores).all():
        raise _not_finite(scores, 0)
    k = min(k, scores.shape[1])
    if k < 1:
        return np.empty((len(scores), 0), np.int64), np.empty((len(scores), 0), scores.dtype)
    return highest(scores, k)


def ranks_from_lists(lists: Sequence[Sequence[int]], relevance: Relevance, n_items: int) -> Ranks:
    """Ranks of the relevant items in ranked lists, which may leave items out.

    Args:
        lists: per query the item indices, best first.
        relevance: relevant items of each query.
        n_items: number of items there are.

    Returns:
        Ranks with equal bounds, `UNRANKED` for a relevant item that its list leaves out.

    Raises:
        UserError: a list names an item twice or one that does not exist; `problems` has every such list.
        ValueError: the number of lists is not the number of queries.

    >>> ranks_from_lists([[4, 2, 0]], Relevance.from_lists([[0, 1, 4]]), n_items=5).optimistic[:2].tolist()
    [1, 3]
    """
    if len(lists) != len(relevance):
        raise ValueError(f"expected lists for {len(relevance)} queries, got {len(lists)}")
    problems = []
    rank = np.full(len(relevance.items), UNRANKED, np.int64)
    gains = None if relevance.gains is None else relevance.gains.copy()
    for query, listed in enumerate(lists):
        positions = {item: position for position, item in enumerate(listed, start=1)}
        if len(positions) != len(listed):
            problems.append(f"list {query}: an item is named twice")
        if unknown := [item for item in positions if not 0 <= item < n_items]:
            problems.append(f"list {query}: no such item: {unknown}; items are 0 to {n_items - 1}")
        pairs = slice(relevance.offsets[query], relevance.offsets[query + 1])
        found = np.array([positions.get(item, UNRANKED) for item in relevance.items[pairs].tolist()], np.int64)
        order = np.argsort(found, kind="stable")
        rank[pairs] = found[order]
        if relevance.judged_only:
            rank[pairs] = np.where(rank[pairs] == UNRANKED, UNRANKED, np.arange(1, len(order) + 1))
        if gains is not None:
            gains[pairs] = gains[pairs][order]
    if problems:
        raise UserError(f"{len(problems)} ranked lists are not valid; {problems[0]}", problems)
    return Ranks(relevance.offsets, rank, rank, None if gains is None else np.stack([gains, gains]), relevance.level)
