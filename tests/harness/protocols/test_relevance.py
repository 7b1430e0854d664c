"""Relevance in compressed rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.protocols.relevance import Relevance

ROWS = st.lists(st.sets(st.integers(0, 50), min_size=1, max_size=8), max_size=20)


@given(ROWS)
def test_rows_come_back(rows: list[set[int]]) -> None:
    relevance = Relevance.from_lists([list(row) for row in rows])
    assert len(relevance) == len(rows)
    assert relevance.counts.tolist() == [len(row) for row in rows]
    bounds = zip(relevance.offsets[:-1], relevance.offsets[1:], strict=True)
    assert [relevance.items[start:stop].tolist() for start, stop in bounds] == [sorted(row) for row in rows]


def test_a_query_that_nothing_answers_is_refused() -> None:
    with pytest.raises(ValueError, match="query 1 has no relevant item"):
        Relevance.from_lists([[0], []])


def test_an_item_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="query 0 names a relevant item twice"):
        Relevance.from_lists([[3, 3]])
