import numpy as np

from harness.interface.conformance import check
from harness.interface.systems import load_system
from harness.measures.ranking import rank_scores
from harness.protocols.relevance import Relevance
from systems.random import RandomSystem


def test_keeps_the_contract() -> None:
    assert check(load_system("random")) == []


def test_same_content_same_vector_in_any_company() -> None:
    captions = ["A dog barks.", "Rain falls.", "a dog barks."]
    together = RandomSystem().embed_text(captions)
    alone = np.concatenate([RandomSystem().embed_text([caption]) for caption in captions])
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together, axis=0)) == 3


def test_vectors_are_standard_normal() -> None:
    vectors = RandomSystem().embed_audio([np.full(1_000, value, np.float32) for value in np.linspace(-1, 1, 500)])
    assert abs(vectors.mean()) < 0.02
    assert abs(vectors.std() - 1) < 0.02
    assert np.abs(np.corrcoef(vectors) - np.eye(500)).max() < 0.5


def test_ranks_are_those_of_chance() -> None:
    system = RandomSystem()
    text = system.embed_text([f"caption {number}" for number in range(1_000)])
    audio = system.embed_audio([np.full(10, number, np.float32) for number in range(50)])
    ranks = rank_scores(text @ audio.T, Relevance.from_lists([[number % 50] for number in range(1_000)]))
    assert abs(ranks.pessimistic.mean() - 25.5) < 2


def test_vectors_are_the_same_everywhere() -> None:
    np.testing.assert_allclose(RandomSystem().embed_text(["rain"])[0, :3], [0.931, -0.1706, 0.253], atol=1e-4)
