"""Draws are the same everywhere, and cover what they should."""

from collections import Counter

import pytest

from harness.datasets.everyday.draws import Draws


def test_the_stream_is_what_it_always_was() -> None:
    draws = Draws("everyday")
    assert [draws.between(1, 1000) for _ in range(8)] == [678, 28, 274, 589, 160, 822, 921, 372]


def test_other_names_give_other_streams() -> None:
    streams = [[Draws(name).below(10**6) for _ in range(2)] for name in ("a", "b")]
    assert streams[0][0] == streams[0][1] != streams[1][0]


def test_every_value_in_bounds_is_reached() -> None:
    draws = Draws("bounds")
    assert {draws.between(-2, 3) for _ in range(500)} == set(range(-2, 4))


def test_weights_are_respected() -> None:
    draws = Draws("weights")
    counts = Counter(draws.weighted(((1, "rare"), (9, "often"), (0, "never"))) for _ in range(5000))
    assert set(counts) == {"rare", "often"}
    assert counts["rare"] / 5000 == pytest.approx(0.1, abs=0.02)


def test_chance_is_in_percent() -> None:
    draws = Draws("chance")
    assert not any(draws.chance(0) for _ in range(100))
    assert all(draws.chance(100) for _ in range(100))
    assert sum(draws.chance(30) for _ in range(5000)) / 5000 == pytest.approx(0.3, abs=0.03)


def test_some_never_repeats_an_item() -> None:
    draws = Draws("some")
    for _ in range(100):
        chosen = draws.some(range(6), 4)
        assert len(set(chosen)) == 4 <= len(chosen)
    assert sorted(draws.some("abc", 3)) == ["a", "b", "c"]
