"""The learning rate: a linear rise over the first epoch, then half a cosine down, then constant."""

import math

from pydantic import NonNegativeFloat, PositiveFloat

from harness.machine import KnownFields


class Schedule(KnownFields):
    """A learning rate over epochs. The defaults are the paper's.

    Attributes:
        highest: reached after the warm-up.
        lowest: reached at the end of the cosine.
        warm_up: epochs of a linear rise from 0.
        end: epoch at which the cosine ends. The authors' README ends it at 15 of 20.
    """

    highest: PositiveFloat = 2e-5
    lowest: NonNegativeFloat = 1e-7
    warm_up: NonNegativeFloat = 1.0
    end: PositiveFloat = 20.0

    def at(self, epoch: float) -> float:
        """The learning rate after so many epochs, which may be a fraction.

        >>> Schedule().at(0.5), Schedule().at(1.0), Schedule().at(30)
        (1e-05, 2e-05, 1e-07)
        """
        if epoch < self.warm_up:
            return self.highest * epoch / self.warm_up
        if epoch >= self.end:
            return self.lowest
        share = (epoch - self.warm_up) / (self.end - self.warm_up)
        return self.lowest + (self.highest - self.lowest) * (1 + math.cos(math.pi * share)) / 2
