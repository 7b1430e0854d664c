import numpy as np
import pytest

from harness.measures.measure import parse_measure
from harness.measures.ranking import Ranks, rank_scores
from harness.measures.summary import per_query_values, summarise
from harness.protocols.relevance import Relevance

MEASURES = [parse_measure(name) for name in ("mAP@10", "R@1", "R@5")]


@pytest.fixture
def ranks() -> Ranks:
    """Scores of few values, so that many tie; some queries are answered well."""
    scores = np.random.default_rng(0).integers(0, 8, (60, 30)).astype(np.float32)
    scores[np.arange(0, 60, 3), np.arange(0, 60, 3) // 2] = 9
    return rank_scores(scores, Relevance(np.arange(61), np.arange(60) // 2))


def test_values_are_means_of_the_queries_within_their_interval(ranks: Ranks) -> None:
    clusters = np.arange(60) // 2
    per_query = per_query_values(ranks, MEASURES)
    assert per_query.shape == (60, 3)
    for column, measured in enumerate(summarise(ranks, MEASURES, clusters)):
        assert measured.name == str(MEASURES[column])
        assert measured.value == pytest.approx(sum(per_query[:, column]) / 60, abs=1e-12)
        assert 0 <= measured.low <= measured.value <= measured.high <= 1
        assert measured.low < measured.high
        assert measured.value < measured.optimistic


def test_intervals_hold_captions_of_a_clip_together(ranks: Ranks) -> None:
    """Were all captions of one clip, no resample could differ from the whole."""
    for measured in summarise(ranks, MEASURES, np.zeros(60, np.int64)):
        assert measured.low == pytest.approx(measured.value)
        assert measured.high == pytest.approx(measured.value)


def test_the_same_ranks_give_the_same_intervals(ranks: Ranks) -> None:
    clusters = np.arange(60)
    assert summarise(ranks, MEASURES, clusters) == summarise(ranks, MEASURES, clusters)
