"""Groups of systems that do not differ significantly, as letters."""

from collections.abc import Iterable
from string import ascii_lowercase


def letters(count: int, distinct: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """One letter for each longest sequence of neighbouring systems of which no two differ significantly.

    Systems that share a letter do not differ significantly. Of two systems that share none, one differs significantly
    from the other, or from a system between the two.

    Args:
        count: number of systems, best first.
        distinct: the pairs that differ significantly, by index.

    Returns:
        The letters of each system; of more than three, the first and the last.

    >>> letters(4, [(0, 2), (0, 3), (1, 3), (2, 3)])
    ('a', 'ab', 'b', 'c')
    """
    # For each system, the first one below it that differs: all sequences that begin at the system, or above, end there.
    ends = [count] * count
    for first, second in distinct:
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
    """The letters of a number, as spreadsheets name their columns.

    >>> _name(0), _name(25), _name(26), _name(701), _name(702)
    ('a', 'z', 'aa', 'zz', 'aaa')
    """
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, len(ascii_lowercase))
        name = ascii_lowercase[letter] + name
    return name
