"""Windows: the places in a recording that are searched."""

import math
from typing import NamedTuple

from harness.errors import UserError

WHOLE = 30.0
"""Seconds up to which a recording is one window, heard as an evaluation hears it."""

LENGTH, STEP = 10.0, 5.0
"""Seconds of the windows of a longer recording, and between the starts of two."""


class Window(NamedTuple):
    """A place in a recording, in seconds from its start."""

    start: float
    end: float


def windows_of(seconds: float) -> list[Window]:
    """The windows of a recording: they overlap by half, and the last one ends with it.

    >>> windows_of(29.5)
    [Window(start=0.0, end=29.5)]
    >>> windows_of(32.0)[-2:]
    [Window(start=20.0, end=30.0), Window(start=25.0, end=32.0)]
    """
    if seconds <= WHOLE:
        return [Window(0.0, seconds)]
    count = 1 + math.ceil((seconds - LENGTH) / STEP)
    return [Window(number * STEP, min(number * STEP + LENGTH, seconds)) for number in range(count)]


def parse_place(text: str) -> tuple[str, float | None]:
    """A file and the place in it that somebody names.

    >>> parse_place("rain@home.wav@12.5"), parse_place("rain@home.wav")
    (('rain@home.wav', 12.5), ('rain@home.wav', None))

    Raises:
        UserError: the place is before the start.
    """
    file, at, seconds = text.rpartition("@")
    try:
        place = float(seconds) if at else None
    except ValueError:
        place = None
    if place is None:
        return text, None
    if not 0 <= place < math.inf:
        raise UserError(f"{text}: expected a place in seconds from the start of the recording, as in a.wav@12.5")
    return file, place
