"""What can be told apart: the formulas are known, and simulated differences of that size are told apart as often."""

import numpy as np
import pytest

from harness.measures.power import detectable_differences, runs_needed
from harness.measures.statistics import sign_flip_p_values


@pytest.mark.parametrize("captions", [1, 5])
def test_a_detectable_difference_is_found_in_80_of_100_simulations(captions: int) -> None:
    """Whose queries of one clip are alike: a standard error over captions would promise too much."""
    rng = np.random.default_rng(2)
    clips = np.repeat(np.arange(120), captions)
    effect = 2.8016 * np.sqrt(1 + 0.09 / captions) / 10 / np.sqrt(120)
    found, promised = [], []
    for _ in range(150):
        noise = (rng.standard_normal(120)[clips] + 0.3 * rng.standard_normal(len(clips))) / 10
        values = np.stack([noise + effect, np.zeros(len(clips))], axis=1)
        promised += detectable_differences(values, clips, [(0, 1)]).tolist()
        found.append(sign_flip_p_values(values, clips, [(0, 1)], resamples=499)[0] <= 0.05)
    assert np.mean(promised) == pytest.approx(effect, rel=0.03)
    assert 0.72 <= np.mean(found) <= 0.88


def test_the_level_of_several_comparisons_takes_a_larger_difference() -> None:
    values = np.random.default_rng(0).standard_normal((60, 3))
    pairs = [(0, 1), (0, 2), (1, 2)]
    single = detectable_differences(values, range(60), pairs)
    several = detectable_differences(values, range(60), pairs, alpha=0.05 / 3)
    np.testing.assert_allclose(several / single, (2.3940 + 0.8416) / (1.9600 + 0.8416), rtol=1e-3)
    error = (values[:, 0] - values[:, 1]).std(ddof=1) / np.sqrt(60)
    assert single[0] == pytest.approx(2.8016 * error, rel=1e-4)


def test_what_cannot_be_told_apart_at_all() -> None:
    same = np.ones((4, 2))
    assert detectable_differences(same, [0, 0, 1, 1], [(0, 1)]).tolist() == [0]
    assert detectable_differences([[1, 0], [0, 0]], ["a", "a"], [(0, 1)]).tolist() == [np.inf]


def test_runs_are_those_of_the_tables() -> None:
    """Cohen's table 2.4.1 for two samples, level 0.05 two-sided, power 0.80: d of 0.5, 0.8 and 1.0."""
    assert [runs_needed(1.0, d) for d in (0.5, 0.8, 1.0)] == [64, 26, 17]
    assert (runs_needed(0.01, 1.0), runs_needed(0.01, 0.0), runs_needed(0.01, -0.01)) == (2, None, 17)
