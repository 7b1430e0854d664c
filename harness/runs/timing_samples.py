"""How long to measure, and how long each measured call took."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        warm_ups: least number of calls before the first that counts.
        steady: the warm-up goes on until this many calls in a row ...
        within: ... differ by less than this share of their duration, ...
        most_warm_up_seconds: ... but for no longer than this.
        iterations: least number of calls that count.
        seconds: least time that they take together.
    """

    warm_ups: int = 10
    steady: int = 5
    within: float = 0.03
    most_warm_up_seconds: float = 30.0
    iterations: int = 20
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Samples:
    """How long each call took.

    Attributes:
        seconds: wall time of each call, in order.
        device_seconds: time between marks in the accelerator's queue before and after each call; empty on a processor.
        warm_ups: calls before the first that counts.
        steady: whether the warm-up ended because the calls had become alike.
    """

    seconds: tuple[float, ...]
    device_seconds: tuple[float, ...]
    warm_ups: int
    steady: bool

    def percentile(self, share: float) -> float:
        """The wall time that `share` per cent of the calls did not exceed, in seconds."""
        return float(np.percentile(self.seconds, share))

    @property
    def drift(self) -> float:
        """Difference of the medians of the first and the second half, as a share of the smaller one."""
        half = len(self.seconds) // 2
        if not half:
            return 0.0
        first, second = (float(np.median(part)) for part in (self.seconds[:half], self.seconds[-half:]))
        return max(first, second) / min(first, second) - 1

    @property
    def spread(self) -> float:
        """Interquartile range as a share of the median."""
        return (self.percentile(75) - self.percentile(25)) / self.percentile(50)
