"""What a recording's samples are like: whether there is anything to hear, and whether they are in the range meant."""

import math
from dataclasses import dataclass

from harness.audio.clip import Array

_SILENT = 1e-7
"""Of full scale, -140 dB: less than the last of 24 bits."""
_FAINT = 1e-4
"""Of full scale, -80 dB: about three steps of 16 bits."""
_CANCELLED = 0.01
"""The part of the channels that is left of a sound when they cancel each other."""
_CLIPPED = 2.0
"""Decoders of lossy formats overshoot full scale, but never so far."""
_INTEGERS = 256.0
"""No recording is so far above full scale: a float file with such samples holds integers."""
_INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)
_QUIET = 2.0**-8
"""Of full scale: what stays below it is kept louder, as it would lose more than half of 16 bits."""


def integer_scale(loudest: float) -> float:
    """What full scale is in a file whose loudest sample is `loudest`: 1, or that of integers written as floats.

    >>> integer_scale(1.3), integer_scale(15354.2)
    (1.0, 32768.0)
    """
    if loudest <= _INTEGERS:
        return 1.0
    return next((scale for scale in _INTEGER_SCALES if loudest <= scale), loudest)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far samples go.

    Attributes:
        largest: the largest absolute value.
        swing: half the distance of the highest sample from the lowest, in the channel where it is largest; unlike the
            largest value it is 0 where nothing moves, whatever the offset.
    """

    largest: float
    swing: float


def extent(samples: Array) -> Extent:
    """How far samples of shape `(n,)` or `(n, channels)` go.

    >>> import numpy as np
    >>> extent(np.float32([0.5, 1.0]))
    Extent(largest=1.0, swing=0.25)
    """
    if not samples.size:
        return Extent(0.0, 0.0)
    # A channel at a time: along the first axis numpy is slow.
    channels = samples.T if samples.ndim == 2 else samples[None]
    ends = [(float(channel.min()), float(channel.max())) for channel in channels]
    return Extent(max(max(high, -low) for low, high in ends), max(high - low for low, high in ends) / 2)


def steps_louder(mono: Array) -> int:
    """How many times a quiet sound can be doubled and still is below half of full scale; 0 for one that is not quiet.

    >>> import numpy as np
    >>> steps_louder(np.float32([0.5, -0.01])), steps_louder(np.float32([0.001, -0.001]))
    (0, 8)
    """
    peak = extent(mono).largest
    return -1 - math.frexp(peak)[1] if _SILENT <= peak < _QUIET else 0


@dataclass(frozen=True, slots=True)
class Sound:
    """What a recording is like.

    Attributes:
        largest: the largest absolute value in the file.
        channels: the swing of its samples (see `Extent`), divided by their `integer_scale`.
        mono: the swing of the average of the channels.
    """

    largest: float
    channels: float
    mono: float

    @property
    def remark(self) -> str | None:
        """What a listener should know before a result is believed; `None` of most recordings.

        It is the rest of a sentence that begins with the recording.
        """
        found: list[str] = []
        if (scale := integer_scale(self.largest)) != 1:
            found.append(
                f"has samples of up to {self.largest:,.0f} where 1 is full scale: they were taken for integers and "
                f"divided by {scale:,.0f}; write the file again so"
            )
        elif self.largest > _CLIPPED:
            found.append(
                f"has samples of up to {self.largest:.1f} where 1 is full scale: it is clipped; write it again softer"
            )
        if self.channels < _SILENT:
            found.append("is silent: no sample differs from the others")
        elif self.mono < _CANCELLED * self.channels:
            found.append(
                f"has channels that cancel each other: {_decibels(self.channels)} each, their average "
                f"{_decibels(self.mono)}; keep one of them"
            )
        elif self.mono < _FAINT:
            found.append(f"is almost silent: {_decibels(self.mono)} at its loudest")
        return "; it ".join(found) or None


def _decibels(level: float) -> str:
    return f"{20 * math.log10(max(level, _SILENT)):.0f} dB of full scale"
