"""What a recording's samples are like: whether there is anything to hear, and whether they are in the range meant."""

import math
import struct
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
_INTEGER_BITS = (15, 23, 31)
_QUIET = 2.0**-8
"""Of full scale: what stays below it is kept louder, as it would lose more than half of 16 bits."""
_PACKED = struct.Struct("<hhhBB")
_STEPS = 100
"""Steps in which a decibel is kept."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far samples go: the lowest and the highest of each channel."""

    lowest: tuple[float, ...]
    highest: tuple[float, ...]

    @property
    def largest(self) -> float:
        """The largest absolute value."""
        return max(max(map(abs, self.lowest)), max(map(abs, self.highest)))

    @property
    def swing(self) -> float:
        """Half the distance of the highest sample from the lowest, in the channel where it is largest.

        Unlike the largest value it is 0 where nothing moves, whatever the offset.
        """
        return max(high - low for low, high in zip(self.lowest, self.highest, strict=True)) / 2

    def __or__(self, other: "Extent") -> "Extent":
        """The extent of two pieces of a recording together."""
        return Extent(tuple(map(min, self.lowest, other.lowest)), tuple(map(max, self.highest, other.highest)))


def extent(samples: Array) -> Extent:
    """How far samples of shape `(n,)` or `(n, channels)` go; 0 where there are none.

    >>> import numpy as np
    >>> extent(np.float32([0.5, 1.0])), extent(np.float32([0.5, 1.0])).swing
    (Extent(lowest=(0.5,), highest=(1.0,)), 0.25)
    """
    if not samples.size:
        return Extent((0.0,), (0.0,))
    # A channel at a time: along the first axis numpy is slow.
    channels = samples.T if samples.ndim == 2 else samples[None]
    return Extent(tuple(float(each.min()) for each in channels), tuple(float(each.max()) for each in channels))


def integer_bits(largest: float) -> int:
    """By how many bits the samples of a file are to be scaled down, given the largest: 0 unless they are integers.

    >>> integer_bits(1.3), integer_bits(15354.2), integer_bits(32768)
    (0, 15, 15)
    """
    if largest <= _INTEGERS:
        return 0
    return next((bits for bits in _INTEGER_BITS if largest <= 2**bits), math.ceil(math.log2(largest)))


def steps_louder(mono: Extent) -> int:
    """How many times a quiet sound can be doubled and still is below half of full scale; 0 for one that is not quiet.

    >>> steps_louder(Extent((-0.01,), (0.5,))), steps_louder(Extent((-0.001,), (0.001,)))
    (0, 8)
    """
    return -1 - math.frexp(mono.largest)[1] if _SILENT <= mono.largest < _QUIET else 0


@dataclass(frozen=True, slots=True)
class Sound:
    """How loud a recording is, in hundredths of a decibel of full scale, and how its samples were made fit to be kept.

    Attributes:
        largest: its largest sample, as it is in the file.
        channels: the `swing` of its samples.
        mono: the `swing` of the average of its channels.
        bits: by how many bits its samples were scaled down; 0 unless they were integers written as floats.
        louder: how many times its samples are doubled before they are rounded to 16 bits; 0 unless the file holds a
            quiet sound more exactly than that.
    """

    largest: int
    channels: int
    mono: int
    bits: int = 0
    louder: int = 0

    @classmethod
    def of(cls, largest: float, channels: Extent, mono: Extent, louder: int = 0) -> "Sound":
        """The sound of samples; `channels` and `mono` are those of the samples as they are after scaling."""
        channels_level, mono_level = _hundredths(channels.swing), _hundredths(mono.swing)
        return cls(_hundredths(largest), channels_level, mono_level, integer_bits(largest), louder)

    def packed(self) -> bytes:
        """Eight bytes, of which `unpacked` makes an equal sound."""
        return _PACKED.pack(self.largest, self.channels, self.mono, self.bits, self.louder)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Sound":
        """What `packed` gave."""
        return cls(*_PACKED.unpack(packed))

    @property
    def remark(self) -> str | None:
        """What a listener should know before the result is believed, as the rest of a sentence; `None` of most."""
        found = []
        largest = _level(self.largest)
        if self.bits:
            found.append(
                f"has samples of up to about {largest:,.0f} where 1 is full scale: they were taken for integers and "
                f"divided by {2**self.bits:,}; write the file again so"
            )
        elif largest > _CLIPPED:
            found.append(f"has samples of up to {largest:.1f} where 1 is full scale: it is clipped; write it softer")
        if _level(self.channels) <= _SILENT:
            found.append("is silent: no sample differs from the others")
        elif _level(self.mono) < _CANCELLED * _level(self.channels):
            found.append(
                f"has channels that cancel each other: {_words(self.channels)} each, their average "
                f"{_words(self.mono)}; keep one of them"
            )
        elif _level(self.mono) < _FAINT:
            found.append(f"is almost silent: {_words(self.mono)} at its loudest")
        return "; it ".join(found) or None


def _hundredths(level: float) -> int:
    return min(round(_STEPS * 20 * math.log10(max(level, _SILENT))), 2**15 - 1)


def _level(hundredths: int) -> float:
    return math.pow(10, hundredths / _STEPS / 20)


def _words(hundredths: int) -> str:
    return f"{hundredths / _STEPS:.0f} dB of full scale"
