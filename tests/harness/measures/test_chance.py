"""Worse than chance: what random orders score is known by formulas, and a system that sorts the wrong way is found."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from harness.measures import chance
from harness.measures.chance import BelowChance, below_chance
from harness.measures.measure import parse_measure
from harness.measures.ranking import Ranks, rank_scores, ranks_from_lists
from harness.protocols.relevance import Relevance

MAP, RECALL = parse_measure("mAP@10"), parse_measure("R@10")


def scores_of(seed: int, queries: int, items: int, skill: float) -> np.ndarray:
    scores = np.random.default_rng(seed).standard_normal((queries, items))
    scores[np.arange(queries), np.arange(queries) % items] += skill
    return scores


def found(scores: np.ndarray, measure: str = "mAP@10") -> BelowChance | None:
    queries, items = scores.shape
    ranks = rank_scores(scores, Relevance.from_lists([[query % items] for query in range(queries)]))
    return below_chance(ranks, parse_measure(measure), np.arange(queries) % items, items)


def test_scores_that_are_distances_are_found() -> None:
    scores = scores_of(0, 60, 20, 2)
    assert found(scores) is None
    below = found(-scores)
    assert below is not None
    # A clip at a random rank of 20 has AP@10 = (1 + 1/2 + ... + 1/10) / 20.
    assert below.chance == pytest.approx(sum(1 / rank for rank in range(1, 11)) / 20, abs=0.005)
    assert (below.measure, below.p_value) == ("mAP@10", 1 / 2001)
    assert below.value == pytest.approx(
        float(MAP(rank_scores(-scores, Relevance.from_lists([[q % 20] for q in range(60)]))).mean())
    )
    assert str(below) == (
        f"worse than chance: mAP@10 {below.value:.4f}, and a random order has {below.chance:.4f} (p 0.0005)"
    )


def test_chance_itself_is_not_found() -> None:
    assert [found(scores_of(seed, 60, 20, 0)) for seed in range(30)] == [None] * 30


def test_few_queries_that_all_fail_may_be_chance() -> None:
    """Of 100 queries none finds its clip of 1,000 at the first place: that happens nine times of ten."""
    last = np.full(100, 1000)
    ranks = Ranks(np.arange(101), last, last)
    assert below_chance(ranks, parse_measure("R@1"), np.arange(100), 1000) is None


def test_captions_of_a_clip_count_as_one() -> None:
    """Twenty captions that all fail are 20 clips' failures, or one clip's, which chance gives every other time."""
    last = np.full(20, 20)
    ranks = Ranks(np.arange(21), last, last)
    assert below_chance(ranks, RECALL, np.arange(20), 20) is not None
    assert below_chance(ranks, RECALL, np.zeros(20, np.int64), 20) is None


def test_ties_are_no_distances() -> None:
    """Equal scores count against the system, and say nothing of the order it meant."""
    assert found(np.zeros((60, 20))) is None


def test_ranked_lists_the_wrong_way_round_are_found() -> None:
    scores = scores_of(1, 200, 50, 2)
    relevance = Relevance.from_lists([[query % 50] for query in range(200)])
    worst_first = np.argsort(scores, axis=1)[:, :10].tolist()
    ranks = ranks_from_lists(worst_first, relevance, 50)
    below = below_chance(ranks, MAP, np.arange(200) % 50, 50)
    assert below is not None
    assert below.value < 0.01 < below.chance


def test_a_value_as_low_as_one_draw_of_many_is_not_significant(monkeypatch: pytest.MonkeyPatch) -> None:
    """p = (1 + draws at most as large) / (1 + draws), found up to 0.001 and not beyond."""
    ranks = Ranks(np.arange(11), np.full(10, 5), np.full(10, 5))
    for reached, told in ((1, True), (2, False)):
        means = np.full(2000, 0.5)
        means[:reached] = 0.2
        monkeypatch.setattr(chance, "_means", lambda random, draws, *_, means=means: means[-draws:])
        below = below_chance(ranks, parse_measure("mAP@5"), np.arange(10), 20)
        assert (below is not None) == told
        if below:
            assert (below.value, below.p_value) == (pytest.approx(0.2), 2 / 2001)


@pytest.mark.parametrize("relevant", [1, 2, 4])
def test_every_choice_of_ranks_is_drawn_alike_often(relevant: int) -> None:
    counts = np.full(6000, relevant)
    ranks = chance._random_ranks(np.random.default_rng(0), counts, np.arange(6000), 1, 4).reshape(6000, relevant)
    drawn = Counter(map(tuple, ranks.tolist()))
    choices = list(combinations(range(1, 5), relevant))
    assert set(drawn) == set(choices)
    expected = 6000 / len(choices)
    assert all(abs(count - expected) < 5 * expected**0.5 for count in drawn.values())


def test_queries_with_different_numbers_of_relevant_items() -> None:
    counts = np.array([1, 3, 2, 1, 3, 2])
    ranks = chance._random_ranks(np.random.default_rng(0), counts, np.array([0, 0, 1, 0, 0, 1]), 2, 3)
    parts = np.split(ranks, np.cumsum(counts)[:-1])
    assert [len(part) for part in parts] == counts.tolist()
    assert all((np.diff(part) > 0).all() and part[0] >= 1 and part[-1] <= 3 for part in parts)


def test_the_draws_of_a_chunk_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = Ranks(np.array([0, 1, 3, 4]), np.ones(4, np.int64), np.ones(4, np.int64))
    clusters = np.array([0, 0, 1])
    means = [
        chance._means(np.random.default_rng(0), draws, ranks, parse_measure("R@2"), clusters, 6).mean()
        for draws in (4000, 4000)
    ]
    monkeypatch.setattr(chance, "_PAIRS_PER_CHUNK", 10)
    chunks = chance._means(np.random.default_rng(1), 4001, ranks, parse_measure("R@2"), clusters, 6)
    assert chunks.shape == (4001,)
    monkeypatch.setattr(chance, "_PAIRS_PER_CHUNK", 3)
    one_by_one = chance._means(np.random.default_rng(1), 5, ranks, parse_measure("R@2"), clusters, 6)
    assert one_by_one.shape == (5,)
    assert means[0] == means[1] == pytest.approx(1 / 3, abs=0.02)
    assert chunks.mean() == pytest.approx(1 / 3, abs=0.02)
