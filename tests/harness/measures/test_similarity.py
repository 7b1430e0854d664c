import csv
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from harness.errors import UserError
from harness.measures import similarity
from harness.measures.measure import parse_measure
from harness.measures.ranking import rank_scores, rank_tiles
from harness.measures.similarity import score_tiles, unit_vectors
from harness.protocols.relevance import Relevance


def normal(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def cosines_in_float64(text, audio):
    text, audio = text.astype(np.float64), audio.astype(np.float64)
    return text @ audio.T / np.outer(np.linalg.norm(text, axis=1), np.linalg.norm(audio, axis=1))


def all_scores(queries, items, score=None):
    rows, tiles = zip(*[(rows, scores.copy()) for rows, scores in score_tiles(queries, items, score)], strict=True)
    assert [row for tile in rows for row in range(tile.start, tile.stop)] == list(range(len(queries)))
    return np.concatenate(tiles)


@pytest.mark.parametrize(("items", "rows"), [(1, 640), (10, 64), (20, 50), (500, 2), (2_000, 1)])
def test_a_tile_has_few_queries_where_there_are_many_items(monkeypatch, items, rows):
    """Up to 640 scores of as many queries as pay, and at least 64 queries, unless that is more than 1,000 scores."""
    monkeypatch.setattr(similarity, "_SCORES_PER_TILE", 640)
    monkeypatch.setattr(similarity, "_MOST_SCORES", 1_000)
    tiles = [len(scores) for _, scores in score_tiles(normal(130, 2), normal(items, 2, seed=1))]
    assert max(tiles) == min(rows, 130)
    assert sum(tiles) == 130


@given(st.floats(-300, 300), st.integers(0, 10))
def test_unit_vectors_have_length_one_at_every_magnitude_of_float32(exponent, seed):
    vectors = np.random.default_rng(seed).standard_normal((3, 20))
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scale = np.float64(10.0 ** np.clip(exponent, -34, 37))
    np.testing.assert_allclose(unit_vectors((vectors * scale).astype(np.float32)), expected, rtol=1e-4, atol=1e-5)


def test_unit_vectors_keep_zeros_and_let_what_is_not_finite_show():
    vectors = np.array([[0, 0], [np.nan, 1], [np.inf, 1], [3, 4]], np.float32)
    units = unit_vectors(vectors)
    assert units[0].tolist() == [0, 0]
    assert not np.isfinite(units[1:3]).all(axis=1).any()
    assert units[3].tolist() == [np.float32(0.6), np.float32(0.8)]


@pytest.mark.parametrize(
    ("queries", "items", "width"), [(1, 1, 1), (1, 13, 5), (17, 3, 7), (9000, 1045, 8), (70, 40_000, 4)]
)
def test_tiles_are_the_cosine_matrix(queries, items, width):
    text, audio = normal(queries, width), normal(items, width, seed=1)
    np.testing.assert_allclose(all_scores(text, audio), cosines_in_float64(text, audio), atol=1e-6)


@pytest.mark.parametrize("width", [1, 2, 3, 60])
@pytest.mark.parametrize("items", [0, 1, 2])
def test_few_items_of_few_numbers(items, width):
    """The strides of an array of one row need not be its width, as of one that was cut from a larger array."""
    text, audio = normal(1, width), normal(3, 60, seed=1)[:items, :width]
    np.testing.assert_allclose(all_scores(text, audio), cosines_in_float64(text, audio), atol=1e-6)


@pytest.mark.parametrize("items", [2, 5, 13, 17, 131, 1045])
@pytest.mark.parametrize("queries", [1, 3, 9, 65, 2100])
@pytest.mark.parametrize("width", [37, 512])
@pytest.mark.parametrize("different", [0, 1, 40])
def test_equal_items_score_equal_wherever_they_stand(queries, items, width, different):
    """Whatever the processor's matrix product does with rows and columns at the edge of its blocks."""
    vectors = np.repeat(normal(1, width, seed=1), items, axis=0)
    some = normal(different, width, seed=2)
    order = np.random.default_rng(3).permutation(items + different)
    scores = all_scores(normal(queries, width), np.concatenate([vectors, some])[order])
    of_equal = scores[:, order < items]
    assert (of_equal == of_equal[:, :1]).all()
    expected = unit_vectors(normal(queries, width)) @ unit_vectors(np.concatenate([vectors, some])[order]).T
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_items_that_agree_in_part_are_told_apart(zero):
    items = np.array([[1, zero, 2], [1, 0, 3], [1, 0, 2], [zero, 1, 0], [0, 1, zero], [0, 0, zero]], np.float32)
    scores = all_scores(np.array([[1.0, 2, 4]], np.float32), items)[0]
    assert scores[0] == scores[2] != scores[1]
    assert scores[3] == scores[4] != scores[5] == 0


def test_a_collapsed_system_ranks_last_and_says_so():
    relevance = Relevance.from_lists([[query % 131] for query in range(655)])
    ranks = rank_tiles(score_tiles(normal(655, 37), np.ones((131, 37), np.float32)), relevance)
    assert (set(ranks.optimistic), set(ranks.pessimistic), ranks.tied_fraction) == ({1}, {131}, 1.0)


def test_a_query_of_zeros_ties_with_everything():
    queries = normal(20, 6)
    queries[4] = 0
    ranks = rank_tiles(score_tiles(queries, normal(9, 6, seed=1)), Relevance.from_lists([[0]] * 20))
    assert (ranks.optimistic[4], ranks.pessimistic[4], ranks.tied_fraction) == (1, 9, 1 / 20)


def test_an_embedding_that_is_not_finite_is_named_by_the_ranking():
    items = normal(9, 6)
    items[7, 2] = np.nan
    with pytest.raises(UserError, match="query 0 and item 7 is nan"):
        rank_tiles(score_tiles(normal(20, 6), items), Relevance.from_lists([[0]] * 20))


def test_a_system_may_score_by_itself():
    def minus_distance(text, audio):
        return -np.abs(text[:, None] - audio[None]).sum(axis=2)

    text, audio = normal(50, 3), normal(20_000, 3, seed=1)
    scores = all_scores(text, audio, minus_distance)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, minus_distance(text, audio), rtol=1e-6)


@pytest.mark.parametrize("queries", [normal(5, 4), normal(3)])
def test_embeddings_of_different_spaces_are_refused(queries):
    with pytest.raises(ValueError, match="expected"):
        next(score_tiles(queries, normal(5, 3)))


def test_tiles_can_be_abandoned_and_products_use_all_cores_again():
    before = threadpool_info()
    next(score_tiles(normal(20_000, 3), normal(1000, 3)))
    assert threadpool_info() == before
    with pytest.raises(UserError) as caught:
        rank_tiles(score_tiles(normal(20_000, 3), np.full((1000, 3), np.nan)), Relevance.from_lists([[0]] * 20_000))
    assert threadpool_info() == before, caught


def test_the_score_matrix_never_exists():
    queries, items = normal(100_000, 8), normal(1045, 8, seed=1)
    relevance = Relevance(np.arange(100_001), np.arange(100_000) % 1045)
    tracemalloc.start()
    rank_tiles(score_tiles(queries, items), relevance)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000 * 1045 * 4 / 4


@pytest.mark.shared
def test_the_published_evaluation_of_the_reference(shared):
    golden = np.load(shared / "golden" / "evaluation.npz")
    relevance = Relevance.from_lists([[query // 5] for query in range(300)])
    ranks = rank_tiles(score_tiles(golden["sentence"], golden["audio"]), relevance)
    for name in ("R@1", "R@5", "R@10", "mAP@10"):
        expected = golden[name.replace("@", "_at_")]
        assert parse_measure(name)(ranks).mean() == pytest.approx(float(expected), abs=1e-7)


@pytest.mark.shared
def test_real_embeddings_give_the_published_accuracies(shared):
    folder = shared / "data" / "clap_esc50"
    audio, prompts = (np.load(folder / f"{name}_embeddings.npy") for name in ("audio", "class_text"))
    names = (folder / "class_names.txt").read_text().splitlines()
    with (folder / "esc50_metadata.csv").open(newline="") as file:
        classes = [names.index(row["class_name"]) for row in csv.DictReader(file)]
    clips_of = Relevance.from_lists([np.flatnonzero(np.equal(classes, index)) for index in range(50)])
    assert clips_of.counts.tolist() == [40] * 50
    to_audio = rank_tiles(score_tiles(prompts, audio), clips_of)
    assert parse_measure("Hit@1")(to_audio).mean() == pytest.approx(0.960, abs=1e-9)
    to_text = rank_scores(audio @ prompts.T, Relevance.from_lists([[index] for index in classes]))
    assert parse_measure("R@1")(to_text).mean() == pytest.approx(0.9150, abs=1e-9)
    assert parse_measure("R@5")(to_text).mean() == pytest.approx(0.9935, abs=1e-9)
