import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UserError
from harness.machine.stages import StageMeter, metered
from harness.measures import exact_search as search
from harness.measures.exact_search import ExactIndex


def by_definition(items, queries, k):
    """Every product in float64, summed in one order for all items, and a whole stable sort."""
    products = (queries[:, None].astype(np.float64) * items[None].astype(np.float64)).sum(axis=2)
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(products, order, axis=1)


def vectors(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.fixture(autouse=True)
def many_small_blocks(monkeypatch):
    """So that a few items already are several blocks and parts."""
    monkeypatch.setattr(search, "_BYTES_PER_BLOCK", 1 << 12)
    monkeypatch.setattr(search, "_LEAST_PER_THREAD", 1 << 13)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("queries", [1, 7])
def test_the_best_by_definition(threads, queries):
    items, asked = vectors(0, 1000, 48), vectors(1, queries, 48)
    found, scores = ExactIndex(items, threads).search(asked, 10)
    expected, products = by_definition(items, asked, 10)
    assert found.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, products, rtol=1e-6)


@pytest.mark.parametrize(("threads", "least_shared"), [(1, 0), (2, 0), (3, 0), (3, 1 << 26)])
def test_many_queries_of_a_small_collection(threads, least_shared, monkeypatch):
    """By one thread, or by several where that is worth it; some of the items are equal, and some nearly so."""
    monkeypatch.setattr(search, "_BYTES_PER_BLOCK", 1 << 24)
    monkeypatch.setattr(search, "_LEAST_PER_THREAD", 1 << 17)
    monkeypatch.setattr(search, "_LEAST_SHARED", least_shared)
    items = vectors(0, 300, 24)[np.random.default_rng(1).integers(0, 300, 1000)]
    items[::7] *= np.float32(1 + 2**-22)
    asked = vectors(2, 61, 24)
    found, scores = ExactIndex(items, threads).search(asked, 10)
    expected, products = by_definition(items, asked, 10)
    assert found.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, products, rtol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 300),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 20),
    st.booleans(),
)
def test_equal_items_tie_wherever_they_stand(seed, n, width, queries, k, coarse):
    random = np.random.default_rng(seed)
    distinct = random.standard_normal((max(n // 4, 1), width), dtype=np.float32)
    if coarse:  # Many different items with equal products, too.
        distinct = np.sign(distinct)
    items = distinct[random.integers(0, len(distinct), n)]
    asked = np.round(random.standard_normal((queries, width), dtype=np.float32), 1)
    found, _ = ExactIndex(items, 2).search(asked, k)
    assert found.tolist() == by_definition(items, asked, k)[0].tolist()


def test_what_float32_products_would_put_in_the_wrong_order():
    """Items that differ by less than a float32 product is exact to."""
    base = vectors(0, 256)
    items = np.repeat(base[None], 2000, axis=0)
    random = np.random.default_rng(1)
    items[np.arange(2000), random.integers(0, 256, 2000)] *= np.float32(1 + 2**-22)
    query = vectors(2, 1, 256)
    found, _ = ExactIndex(items, 2).search(query, 10)
    assert found.tolist() == by_definition(items, query, 10)[0].tolist()


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 40), st.integers(1, 5), st.integers(1, 20),
    st.sampled_from([0.0, 1e-8, 1e-7, 1e-6]), st.sampled_from([1, 3]),
)  # fmt: skip
def test_a_small_collection_of_nearly_equal_items(seed, n, width, queries, k, spread, threads):
    """In one block, whatever is nearer than float32 can tell: among the best, at the last place, or in a long row."""
    random = np.random.default_rng(seed)
    distinct = random.standard_normal((max(n // 9, 1), width), dtype=np.float32)
    noise = random.standard_normal((n, width)).astype(np.float32) * np.float32(spread)
    items = distinct[random.integers(0, len(distinct), n)] * (1 + noise)
    asked = random.standard_normal((queries, width), dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_BYTES_PER_BLOCK", 1 << 24)
        patch.setattr(search, "_LEAST_PER_THREAD", 1)
        found, scores = ExactIndex(items, threads).search(asked, k)
    expected, products = by_definition(items, asked, k)
    assert found.tolist() == expected.tolist()
    longest = np.linalg.norm(items, axis=1).max() * np.linalg.norm(asked, axis=1)[:, None]
    assert (np.abs(scores - products) <= 2 * width * 2.0**-24 * longest).all()


def test_all_items_alike():
    items = np.ones((5000, 16), np.float32)
    assert ExactIndex(items).search(items[:3], 10)[0].tolist() == [list(range(10))] * 3


def test_candidates_are_compared_before_they_are_too_many(monkeypatch):
    monkeypatch.setattr(search, "_MOST_CANDIDATES", 100)
    items = np.sign(vectors(0, 3000, 4))
    asked = np.sign(vectors(1, 5, 4))
    assert ExactIndex(items, 1).search(asked, 10)[0].tolist() == by_definition(items, asked, 10)[0].tolist()


def test_fewer_items_than_asked_for():
    assert ExactIndex(np.eye(3, dtype=np.float32)).search(np.eye(3, dtype=np.float32)[:1], 10)[0].tolist() == [
        [0, 1, 2]
    ]
    assert ExactIndex(np.empty((0, 3), np.float32)).search(np.eye(3, dtype=np.float32), 10)[0].shape == (3, 0)
    assert ExactIndex(np.eye(3, dtype=np.float32)).search(np.empty((0, 3), np.float32), 2)[1].shape == (0, 2)


def test_negative_and_zero_products_rank_too():
    items = np.array([[-1], [-3], [0], [-2]], np.float32)
    assert ExactIndex(items).search(np.array([[1]], np.float32), 3)[0].tolist() == [[2, 0, 3]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_number_is_refused(value):
    items = vectors(0, 2000, 8)
    items[1234, 3] = value
    with pytest.raises(UserError, match="item 1234 is NaN, infinite or longer than 1e\\+18"):
        ExactIndex(items)
    with pytest.raises(UserError, match="query 0 is NaN"):
        ExactIndex(items[:10]).search(items[1234:1235], 1)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="expected queries"):
        ExactIndex(np.ones((3, 2), np.float32)).search(np.ones((1, 3), np.float32), 1)
    with pytest.raises(ValueError, match="expected float32 items"):
        ExactIndex(np.ones((3, 2)))


@pytest.mark.parametrize("queries", [1, 2])
def test_it_says_where_the_time_goes(queries):
    ticks = iter(range(100))
    meter = StageMeter(lambda: next(ticks))
    with metered(meter):
        found, _ = ExactIndex(vectors(0, 100, 8)).search(vectors(1, queries, 8), 3)
    assert found.tolist() == ExactIndex(vectors(0, 100, 8)).search(vectors(1, queries, 8), 3)[0].tolist()
    assert list(meter.spent) == ["score", "rank"]
