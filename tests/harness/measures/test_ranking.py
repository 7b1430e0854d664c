import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.errors import UserError
from harness.measures.ranking import UNRANKED, Ranks, rank_scores, rank_tiles, ranks_from_lists, top_k
from harness.protocols.relevance import Relevance

SMALL_INTEGERS = st.integers(-3, 3)


@st.composite
def problems(draw, values=SMALL_INTEGERS):
    """Scores full of ties, and one to all items relevant."""
    queries, items = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    scores = draw(arrays(np.float32, (queries, items), elements=values))
    relevant = st.lists(st.integers(0, items - 1), min_size=1, max_size=items, unique=True)
    return scores, [draw(relevant) for _ in range(queries)]


def ranks_by_sorting(row, relevant, relevant_first):
    order = sorted(range(len(row)), key=lambda item: (-row[item], (item in relevant) != relevant_first))
    return [rank for rank, item in enumerate(order, start=1) if item in relevant]


@given(problems())
def test_ranks_are_those_of_sorting_with_ties_broken_for_and_against_the_relevant(problem):
    scores, relevant = problem
    ranks = rank_scores(scores, Relevance.from_lists(relevant))
    pairs = list(zip(scores.tolist(), relevant, strict=True))
    assert ranks.optimistic.tolist() == [r for row, rel in pairs for r in ranks_by_sorting(row, rel, True)]
    assert ranks.pessimistic.tolist() == [r for row, rel in pairs for r in ranks_by_sorting(row, rel, False)]
    tied = [ranks_by_sorting(row, rel, True) != ranks_by_sorting(row, rel, False) for row, rel in pairs]
    assert ranks.tied_fraction == np.mean(tied)


@pytest.mark.parametrize("items", [1, 7, 8, 9, 2039, 2040, 2041, 5000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_width_and_memory_order_counts_right(items, order):
    rng = np.random.default_rng(items)
    scores = np.asarray(rng.integers(0, 3 * items, (300, items)), dtype=np.float32, order=order)
    relevant = rng.integers(0, items, 300)
    own = scores[np.arange(300), relevant, None]
    ranks = rank_scores(scores, Relevance.from_lists([[item] for item in relevant]))
    assert ranks.optimistic.tolist() == ((scores > own).sum(axis=1) + 1).tolist()
    assert ranks.pessimistic.tolist() == (scores >= own).sum(axis=1).tolist()


@pytest.mark.parametrize("relevant_each", [1, 3])
def test_tiles_give_exactly_the_ranks_of_the_whole_matrix(relevant_each):
    rng = np.random.default_rng(0)
    scores = rng.integers(-50, 50, (2000, 700)).astype(np.float32)
    relevance = Relevance.from_lists([rng.choice(700, relevant_each, replace=False).tolist() for _ in scores])
    whole = rank_scores(scores, relevance)
    edges = [0, 1, 2, 515, 1999, 2000]
    tiled = rank_tiles([(slice(a, b), scores[a:b]) for a, b in itertools.pairwise(edges)], relevance)
    assert np.array_equal(tiled.optimistic, whole.optimistic)
    assert np.array_equal(tiled.pessimistic, whole.pessimistic)


@pytest.mark.parametrize("edges", [[0, 2], [0, 1, 1, 4], [1, 4], [0, 5]])
def test_tiles_that_do_not_cover_the_queries_once_are_refused(edges):
    relevance = Relevance.from_lists([[0]] * 4)
    steps = [(0, 2), (1, 4)] if edges == [0, 1, 1, 4] else list(itertools.pairwise(edges))
    with pytest.raises(ValueError, match="expected scores"):
        rank_tiles([(slice(a, b), np.zeros((b - a, 3))) for a, b in steps], relevance)


def test_more_relevant_pairs_than_queries_are_ranked_across_blocks():
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((120, 3000)).astype(np.float32)
    relevant = [rng.choice(3000, rng.integers(1, 40), replace=False).tolist() for _ in scores]
    ranks = rank_scores(scores, Relevance.from_lists(relevant))
    expected = [
        rank
        for row, rel in zip(scores, relevant, strict=True)
        for rank in ranks_by_sorting(row.tolist(), set(rel), True)
    ]
    assert ranks.optimistic.tolist() == ranks.pessimistic.tolist() == expected


def test_constant_scores_are_first_by_one_bound_and_last_by_the_other():
    ranks = rank_scores(np.full((3, 50), 0.25, np.float32), Relevance.from_lists([[0], [49], [3, 4]]))
    assert ranks.optimistic.tolist() == [1, 1, 1, 2]
    assert ranks.pessimistic.tolist() == [50, 50, 49, 50]
    assert ranks.tied_fraction == 1.0


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_scores_whose_squares_are_no_numbers_are_ranked(kind):
    largest = np.finfo(kind).max
    ranks = rank_scores(np.array([[-largest, largest, 0], [1, 0, largest]], kind), Relevance.from_lists([[1], [0]]))
    assert ranks.pessimistic.tolist() == ranks.optimistic.tolist() == [1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rank", [rank_scores, lambda scores, relevance: top_k(scores, 1)])
def test_a_score_that_is_not_finite_is_refused_by_query_and_item(value, rank):
    scores = np.zeros((4000, 300), np.float32)
    scores[[3001, 3999], [7, 0]] = value
    with pytest.raises(UserError, match=f"query 3001 and item 7 is {value}"):
        rank(scores, Relevance.from_lists([[0]] * 4000))


def test_a_later_tile_names_the_query_of_the_whole_problem():
    tiles = [(slice(0, 2), np.zeros((2, 3))), (slice(2, 4), np.array([[0, 0, 0], [0, np.nan, 0]]))]
    with pytest.raises(UserError, match="query 3 and item 1 is nan"):
        rank_tiles(tiles, Relevance.from_lists([[0]] * 4))


@given(problems(), st.integers(0, 10))
def test_top_k_is_a_stable_sort_cut_off(problem, k):
    scores, _ = problem
    indices, values = top_k(scores, k)
    expected = [sorted(range(len(row)), key=lambda item, row=row: (-row[item], item))[:k] for row in scores.tolist()]
    assert indices.tolist() == expected
    assert values.tolist() == np.take_along_axis(scores, indices, axis=1).tolist()


@settings(max_examples=50)
@given(problems(values=st.floats(-1, 1, width=32)))
def test_full_lists_have_the_ranks_of_the_scores_they_were_sorted_by(problem):
    scores, relevant = problem
    relevance = Relevance.from_lists(relevant)
    scored = rank_scores(scores, relevance)
    listed = ranks_from_lists(top_k(scores, scores.shape[1])[0].tolist(), relevance, scores.shape[1])
    assert (scored.optimistic <= listed.optimistic).all()
    assert (listed.optimistic <= scored.pessimistic).all()


def test_lists_may_be_short_and_leave_items_out():
    ranks = ranks_from_lists([[5, 2], [], [1]], Relevance.from_lists([[0, 2, 4], [3], [1]]), n_items=6)
    assert ranks.optimistic.tolist() == [2, UNRANKED, UNRANKED, UNRANKED, 1]
    assert ranks.tied_fraction == 0.0


def test_every_wrong_list_is_named():
    relevance = Relevance.from_lists([[0]] * 4)
    with pytest.raises(UserError, match="2 ranked lists") as caught:
        ranks_from_lists([[0, 1, 0], [0], [3, -1], [1]], relevance, n_items=3)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["list 0", "list 2"]
    with pytest.raises(ValueError, match="4 queries, got 1"):
        ranks_from_lists([[0]], relevance, n_items=3)


def test_no_queries_are_no_error():
    ranks = rank_scores(np.empty((0, 3), np.float32), Relevance.from_lists([]))
    assert (len(ranks), ranks.tied_fraction) == (0, 0.0)
    assert isinstance(ranks, Ranks)


def test_a_list_that_names_what_is_not_there_says_what_is() -> None:
    with pytest.raises(UserError) as caught:
        ranks_from_lists([[0, 3], [2, -1]], Relevance.from_lists([[0], [2]]), n_items=3)
    assert caught.value.problems == (
        "list 0: no such item: [3]; items are 0 to 2",
        "list 1: no such item: [-1]; items are 0 to 2",
    )
