"""Which items answer which query."""

from collections.abc import Iterable, Sequence
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
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.int64]

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
        sizes = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        items = np.fromiter((item for row in rows for item in row), dtype=np.int64, count=int(offsets[-1]))
        return cls(offsets, items)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of relevant items per query, shape `(queries,)`."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1
