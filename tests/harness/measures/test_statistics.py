import tracemalloc

import numpy as np
import pytest

from harness.measures.statistics import bootstrap_means, bootstrap_medians, intervals


def clustered(rng, clips=60, columns=2):
    """Five values per clip that mostly agree, the last clip having one only."""
    clusters = np.repeat(np.arange(clips), 5)[:-4]
    values = rng.standard_normal((clips, columns))[clusters] + 0.3 * rng.standard_normal((len(clusters), columns))
    return values, clusters


def by_drawing_clips_one_at_a_time(values, clusters, resamples, rng):
    rows_of = [np.flatnonzero(clusters == label) for label in np.unique(clusters)]
    means = []
    for _ in range(resamples):
        drawn = [rows_of[rng.integers(len(rows_of))] for _ in rows_of]
        means.append(values[np.concatenate(drawn)].mean(axis=0))
    return np.array(means)


def test_the_distribution_is_that_of_drawing_clips_one_at_a_time():
    values, clusters = clustered(np.random.default_rng(3))
    fast = bootstrap_means(values, clusters, resamples=20_000, seed=1)
    slow = by_drawing_clips_one_at_a_time(values, clusters, 4000, np.random.default_rng(2))
    levels = [0.025, 0.16, 0.5, 0.84, 0.975]
    # The standard error of the 2.5 % quantile of 4,000 normal draws is 0.042 of their spread.
    tolerance = 5 * 0.042 * slow.std(axis=0).max()
    np.testing.assert_allclose(np.quantile(fast, levels, axis=0), np.quantile(slow, levels, axis=0), atol=tolerance)
    np.testing.assert_allclose(fast.std(axis=0), slow.std(axis=0), rtol=0.06)


def test_intervals_hold_the_mean_in_about_95_of_100_data_sets():
    rng = np.random.default_rng(0)
    inside = [
        (bounds[:, 0] <= 0) & (bounds[:, 1] >= 0)
        for bounds in (intervals(*clustered(rng), resamples=500, seed=seed) for seed in range(200))
    ]
    assert 0.90 <= np.mean(inside) <= 0.98


def test_captions_of_one_clip_widen_the_interval():
    values, clusters = clustered(np.random.default_rng(4), clips=200)
    by_clip = np.diff(intervals(values, clusters))
    by_caption = np.diff(intervals(values, np.arange(len(values))))
    # sqrt(1 + 4 rho) with rho = 1 / 1.09
    np.testing.assert_allclose(by_clip / by_caption, 2.16, rtol=0.15)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3])
def test_equal_values_have_an_interval_of_no_width(value):
    bounds = intervals(np.full((501, 1), value), np.arange(501) // 5, resamples=500)
    assert bounds.tolist() == [[value, value]]


def test_one_clip_has_an_interval_of_no_width():
    means = bootstrap_means([[0.0], [1.0], [0.5]], ["a"] * 3, resamples=7)
    assert means.tolist() == [[0.5]] * 7


def test_draws_are_paired_across_columns_and_calls():
    values, clusters = clustered(np.random.default_rng(5), columns=3)
    together = bootstrap_means(values, clusters, resamples=300, seed=9)
    alone = [bootstrap_means(values[:, [column]], clusters, resamples=300, seed=9) for column in range(3)]
    np.testing.assert_allclose(np.hstack(alone), together, rtol=0, atol=1e-12)
    shifted = bootstrap_means(values[:, :1] + 0.25, clusters, resamples=300, seed=9)
    np.testing.assert_allclose(shifted - together[:, :1], 0.25, rtol=0, atol=1e-12)


def test_a_seed_decides_everything():
    values, clusters = clustered(np.random.default_rng(6))
    assert np.array_equal(intervals(values, clusters, seed=1), intervals(values, clusters, seed=1))
    assert not np.array_equal(intervals(values, clusters, seed=1), intervals(values, clusters, seed=2))


def test_neither_labels_nor_the_order_of_queries_matter():
    values, clusters = clustered(np.random.default_rng(7))
    means = bootstrap_means(values, clusters, resamples=50)
    named = [f"clip {label:03}" for label in clusters]
    assert np.array_equal(bootstrap_means(values, named, resamples=50), means)
    shuffled = np.random.default_rng(8).permutation(len(values))
    np.testing.assert_allclose(bootstrap_means(values[shuffled], clusters[shuffled], resamples=50), means, atol=1e-12)


def test_many_clips_are_drawn_in_bounded_memory():
    values = np.random.default_rng(0).standard_normal((50_000, 2))
    tracemalloc.start()
    means = bootstrap_means(values, np.arange(50_000), resamples=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 50_000 * 8
    assert means.std(axis=0) == pytest.approx([50_000**-0.5] * 2, rel=0.3)


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([[1.0]], [0, 1]), ([1.0, 2.0], [0, 1])])
def test_shapes_that_do_not_fit_are_refused(values, clusters):
    with pytest.raises(ValueError, match="expected"):
        bootstrap_means(values, clusters)


def test_medians_are_those_of_the_clips_that_means_are_of():
    values, clips = np.array([1, 1, 2, 3, 8, 9, 9, 20.0]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    medians = bootstrap_medians(values[:, None], clips, resamples=200, seed=4)
    random = np.random.default_rng(4)
    drawn = random.integers(4, size=(200, 4))
    expected = [np.median(np.concatenate([values[clips == clip] for clip in row])) for row in drawn]
    assert medians[:, 0].tolist() == expected
