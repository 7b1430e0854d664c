"""Random draws that come out the same on every machine and Python version."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A stream of draws, named by a text.

    Only `random.Random(integer).random()` is used: it is the part of the standard library whose sequence is promised
    never to change.

    >>> draws = Draws("an example")
    >>> [draws.below(10) for _ in range(5)]
    [5, 7, 1, 6, 0]
    """

    def __init__(self, name: str) -> None:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
        self._random = random.Random(seed).random  # noqa: S311 - reproducible, not secret

    def below(self, count: int) -> int:
        """An integer from 0 to `count - 1`."""
        return int(self._random() * count)

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in `percent` of 100 draws."""
        return self.below(100) < percent

    def choose(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[int, T]]) -> T:
        """One of the items, each as likely as the integer weight before it says."""
        rest = self.below(sum(weight for weight, _ in items))
        for weight, item in items:
            if rest < weight:
                return item
            rest -= weight
        raise AssertionError("weights are positive, so the loop returns")

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different items, in random order."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(count)]
