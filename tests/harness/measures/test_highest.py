import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measures.highest import highest


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 1500), st.integers(1, 150), st.sampled_from([1, 3, 9])
)
def test_it_is_a_stable_sort_cut_off(seed, rows, count, k, digits):
    """Also where many scores are equal, and with a row of negative ones, of -0.0 and of infinities."""
    random = np.random.default_rng(seed)
    scores = np.round(random.standard_normal((rows, count)), digits - 1).astype(np.float32)
    scores[0] -= 5
    scores[-1, random.integers(0, count, 3)] = [-np.inf, -0.0, np.inf]
    k = min(k, count)
    columns, found = highest(scores, k)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert columns.tolist() == expected.tolist()
    assert found.tolist() == np.take_along_axis(scores, expected, axis=1).tolist()


@pytest.mark.parametrize("rows", [1, 2])
def test_more_are_asked_for_than_a_row_is_at_least_laid_out_in(rows):
    scores = np.tile(np.sin(np.arange(1000, dtype=np.float32)), (rows, 1))
    columns, _ = highest(scores, 100)
    assert columns.tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :100].tolist()


@pytest.mark.parametrize("rows", [1, 2])
def test_float64_keeps_its_digits(rows):
    scores = np.tile(1 + np.arange(200) * 1e-12, (rows, 1))
    columns, found = highest(scores, 2)
    assert columns.tolist() == [[199, 198]] * rows
    assert found.tolist() == scores[:, [199, 198]].tolist()


def test_no_rows_have_none():
    columns, found = highest(np.empty((0, 5), np.float32), 2)
    assert (columns.shape, found.shape) == ((0, 2), (0, 2))
