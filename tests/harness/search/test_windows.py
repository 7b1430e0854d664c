from itertools import pairwise

import numpy as np
import pytest

from harness.errors import UserError
from harness.search.windows import LENGTH, STEP, WHOLE, Window, cut, parse_place

RATE = 100


def windows_of(seconds: float, piece: int = 10 * RATE) -> list[Window]:
    """The windows of samples that count themselves, which are cut in pieces; each holds what it says."""
    samples = np.arange(round(RATE * seconds), dtype=np.float32)
    found = list(cut((samples[start : start + piece] for start in range(0, len(samples), piece)), RATE))
    for window, its_samples in found:
        np.testing.assert_array_equal(its_samples, samples[round(RATE * window.start) : round(RATE * window.end)])
    return [window for window, _ in found]


@pytest.mark.parametrize("seconds", [0.1, 29.99, WHOLE])
def test_a_short_recording_is_one_window(seconds: float) -> None:
    assert windows_of(seconds) == [(0.0, seconds)]


@pytest.mark.parametrize("seconds", [30.01, 34.9, 35.0, 35.1, 3600.0])
def test_windows_of_a_long_one_cover_it_and_overlap(seconds: float) -> None:
    windows = windows_of(seconds)
    assert windows[0].start == 0
    assert windows[-1].end == pytest.approx(seconds)
    assert all(windows_of(seconds, piece) == windows for piece in (100, 1_777, 3_000, 1_000_000))
    assert all(later.start - earlier.start == STEP for earlier, later in pairwise(windows))
    assert all(window.end - window.start == LENGTH for window in windows[:-1])
    # None is so short that it says little.
    assert STEP < windows[-1].end - windows[-1].start <= LENGTH


def test_a_place_before_the_start_is_refused() -> None:
    with pytest.raises(UserError, match="expected a place in seconds from the start"):
        parse_place("a.wav@-1")


def test_a_name_may_have_an_at_sign() -> None:
    assert parse_place("me@home") == ("me@home", None)
