"""Windows: the places in a recording that are searched."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from harness.audio import Array
from harness.errors import UserError

WHOLE = 30.0
"""Seconds up to which a recording is one window, heard as an evaluation hears it."""

LENGTH, STEP = 10.0, 5.0
"""Seconds of the windows of a longer recording, and between the starts of two."""


class Window(NamedTuple):
    """A place in a recording, in seconds from its start."""

    start: float
    end: float


def cut(pieces: Iterable[Array], sample_rate: int) -> Iterator[tuple[Window, Array]]:
    """The windows of a recording with their samples, while its pieces come, of which few are held.

    Windows overlap by half, and the last one ends with the recording.

    >>> [window for window, _ in cut([np.zeros(59, np.float32)], 2)]
    [Window(start=0.0, end=29.5)]
    >>> [window for window, _ in cut([np.zeros(30, np.float32), np.zeros(34, np.float32)], 2)][-2:]
    [Window(start=20.0, end=30.0), Window(start=25.0, end=32.0)]

    Args:
        pieces: of the recording, from its beginning to its end.
        sample_rate: of the pieces, in Hz.
    """
    length, step, start = round(LENGTH * sample_rate), round(STEP * sample_rate), 0.0
    held = np.zeros(0, np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece]) if len(held) else piece
        while len(held) > (length if start else WHOLE * sample_rate):
            yield Window(start, start + LENGTH), held[:length]
            held, start = held[step:], start + STEP
    yield Window(start, start + len(held) / sample_rate), held


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
