"""Which systems cannot be told apart, as letters."""

from collections.abc import Iterable
from string import ascii_lowercase


def letters(count: int, apart: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """One letter for every longest run of neighbours in the order of which no two are told apart.

    So those that share a letter cannot be told apart. Those that share none can, or one of them can from a system that
    stands between them.

    Args:
        count: number of systems, best first.
        apart: the pairs that are told apart.

    Returns:
        Of each system its letters; of many the first and the last.

    >>> letters(4, [(0, 2), (0, 3), (1, 3), (2, 3)])
    ('a', 'ab', 'b', 'c')
    """
    # Of each system the first one below it that it is told apart from: it ends all runs that begin at it or above.
    ends = [count] * count
    for first, second in apart:
        above, below = min(first, second), max(first, second)
        ends[above] = min(ends[above], below)
    for system in reversed(range(count - 1)):
        ends[system] = min(ends[system], ends[system + 1])
    starts = [system for system in range(count) if system == 0 or ends[system] > ends[system - 1]]
    found = [[run for run, start in enumerate(starts) if start <= system < ends[start]] for system in range(count)]
    return tuple(_joined(runs) for runs in found)


def _joined(runs: list[int]) -> str:
    if len(runs) > 3 or (len(runs) > 1 and runs[-1] >= len(ascii_lowercase)):
        return f"{_name(runs[0])}-{_name(runs[-1])}"
    return "".join(map(_name, runs))


def _name(number: int) -> str:
    """The letters as spreadsheets count their columns.

    >>> _name(0), _name(25), _name(26), _name(701), _name(702)
    ('a', 'z', 'aa', 'zz', 'aaa')
    """
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, len(ascii_lowercase))
        name = ascii_lowercase[letter] + name
    return name
