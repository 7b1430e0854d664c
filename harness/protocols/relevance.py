"""Which items answer which query, and how well."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Relevance:
    """Relevant items per query, in compressed rows.

    The relevant items of query `i` are `items[offsets[i]:offsets[i + 1]]`, in ascending order, no item twice.

    >>> relevance = Relevance.from_lists([[2], [0, 1]])
    >>> relevance.offsets.tolist(), relevance.items.tolist()
    ([0, 1, 3], [2, 0, 1])

    Attributes:
        offsets: shape `(queries + 1,)`.
        items: shape `(pairs,)`.
        gains: how relevant each of `items` is, shape `(pairs,)`; 0 where it is not, and below 0 where the query says
            that it is not wanted. `None` where there are no grades.
        level: the least gain with which an item is relevant to measures that know no grades.
        judged_only: whether a query's items are ranked among themselves, as if there were no others.
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    gains: NDArray[np.float64] | None = None
    level: float = 0.0
    judged_only: bool = False

    @classmethod
    def from_lists(cls, relevant: Iterable[Sequence[int]]) -> "Relevance":
        """Build from one sequence of item indices per query.

        Raises:
            ValueError: a query without relevant items, or with one item twice.
        """
        rows = [sorted(row) for row in relevant]
        for query, row in enumerate(rows):
            if not row:
                raise ValueError(f"query {query} has no relevant item; a query that nothing answers cannot be scored")
            if len(set(row)) != len(row):
                raise ValueError(f"query {query} names a relevant item twice: {row}")
        items = np.fromiter((item for row in rows for item in row), dtype=np.int64)
        return cls(_offsets(rows), items)

    @classmethod
    def graded(cls, judged: Iterable[Mapping[int, float]], level: float, *, judged_only: bool = False) -> "Relevance":
        """Build from the gain of each judged item of each query.

        Raises:
            ValueError: a query of which no item has a gain above 0.

        >>> relevance = Relevance.graded([{4: 0.0, 1: 90.0}], level=50)
        >>> relevance.items.tolist(), relevance.gains.tolist()
        ([1, 4], [90.0, 0.0])
        """
        rows = [sorted(row.items()) for row in judged]
        for query, row in enumerate(rows):
            if not any(gain > 0 for _, gain in row):
                raise ValueError(f"query {query} has no relevant item; a query that nothing answers cannot be scored")
        items = np.fromiter((item for row in rows for item, _ in row), dtype=np.int64)
        gains = np.fromiter((gain for row in rows for _, gain in row), dtype=np.float64)
        return cls(_offsets(rows), items, gains, level, judged_only)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of relevant items per query, shape `(queries,)`; of judged ones where there are grades."""
        return np.diff(self.offsets)

    def answers(self, query: int) -> NDArray[np.int64]:
        """The items that answer a query: all, or those whose gain is above 0 and at least `level`."""
        pairs = slice(self.offsets[query], self.offsets[query + 1])
        if self.gains is None:
            return self.items[pairs]
        gains = self.gains[pairs]
        return self.items[pairs][(gains > 0) & (gains >= self.level)]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def _offsets(rows: Sequence[Sequence[object]]) -> NDArray[np.int64]:
    sizes = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
