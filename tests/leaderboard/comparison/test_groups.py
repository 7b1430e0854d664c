from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from leaderboard.comparison import groups
from leaderboard.comparison.groups import letters


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.sampled_from(list(combinations(range(n), 2)) or [(0, 0)])))
    )
)
def test_who_shares_a_letter_is_not_told_apart_and_neighbours_who_are_not_share_one(
    case: tuple[int, set[tuple[int, int]]],
) -> None:
    count, apart = case
    apart = {pair for pair in apart if pair[0] != pair[1]}
    found = letters(count, apart)
    assert all(found)
    if any("-" in group for group in found):
        return
    for first, second in combinations(range(count), 2):
        shared = set(found[first]) & set(found[second])
        between = set(combinations(range(first, second + 1), 2))
        assert bool(shared) == (not between & apart)


def test_all_alike_all_apart_and_one() -> None:
    assert letters(3, []) == ("a", "a", "a")
    assert letters(3, [(0, 1), (1, 2), (0, 2)]) == ("a", "b", "c")
    assert letters(1, []) == ("a",)
    assert letters(0, []) == ()


def test_many_letters_are_a_range() -> None:
    count = 60
    apart = [(first, second) for first, second in combinations(range(count), 2) if second - first > 5]
    found = letters(count, apart)
    assert found[:3] == ("a", "ab", "abc")
    assert found[5] == "a-f"
    assert found[40] == "aj-ao"


def test_three_letters_are_written_out_and_four_are_a_range() -> None:
    def middle(reach: int, before: int = 0) -> str:
        """The letters of a system that cannot be told apart from `reach` neighbours, after `before` that can be."""
        count = before + 2 * reach + 1
        apart = [(i, j) for i, j in combinations(range(count), 2) if i < before or j - i > reach]
        return letters(count, apart)[before + reach]

    assert [middle(reach) for reach in (0, 1, 2, 3)] == ["a", "ab", "abc", "a-d"]
    # Names of two letters would run into each other.
    assert [middle(1, before) for before in (23, 24, 25)] == ["xy", "yz", "z-aa"]
    assert middle(0, 26) == "aa"


def test_two_groups_beyond_z_are_told_apart_by_a_dash() -> None:
    assert groups._joined([24, 26]) == "y-aa"
    assert groups._joined([0, 25]) == "az"
    assert groups._joined([26]) == "aa"
    assert (groups._joined([0, 1, 2]), groups._joined([0, 1, 2, 3])) == ("abc", "a-d")
