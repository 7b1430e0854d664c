from itertools import pairwise

import pytest

from harness.runs.timing_samples import Effort, Samples
from harness.throughput.instruments import timing
from harness.throughput.instruments.observation import noise
from harness.throughput.instruments.timing import measure


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the calls move."""

    class Clock:
        now = 0.0

        def takes(self, *seconds):
            waiting = list(seconds)

            def call():
                self.now += waiting.pop(0) if len(waiting) > 1 else waiting[0]

            return call

    clock = Clock()
    monkeypatch.setattr(timing, "perf_counter", lambda: clock.now)
    return clock


def test_long_enough_and_often_enough(clock):
    effort = Effort(iterations=20, seconds=10)
    assert len(measure({"fast": clock.takes(0.25)}, effort=effort)["fast"].seconds) == 40
    assert len(measure({"slow": clock.takes(2.0)}, effort=effort)["slow"].seconds) == 20


def test_warm_until_five_in_a_row_are_alike(clock):
    found = measure({"call": clock.takes(*(step / 100 for step in range(14, 0, -1)))}, effort=Effort(seconds=0))["call"]
    # 0.14, 0.13, ... 0.01, and then four more of 0.01.
    assert (found.warm_ups, found.steady) == (18, True)
    assert found.seconds == pytest.approx([0.01] * 20)


def test_what_never_is_steady_is_measured_all_the_same_and_said_to_be_noisy(clock):
    call = clock.takes(*[1.0, 2.0] * 500)
    found = measure({"call": call}, effort=Effort(most_warm_up_seconds=30))["call"]
    assert not found.steady
    assert found.warm_ups == 20
    assert noise("call", found)[0] == "noisy: call did not become steady in 20 warm-ups"


def test_calls_take_turns():
    order = []
    measure({name: lambda name=name: order.append(name) for name in "ab"}, effort=Effort(seconds=0, iterations=5))
    assert all(first != second for first, second in pairwise(order[-10:]))


def test_percentiles_drift_and_spread():
    samples = Samples(tuple(map(float, range(1, 102))), (), 10, steady=True)
    assert [samples.percentile(share) for share in (50, 95, 99)] == [51, 96, 100]
    assert samples.spread == pytest.approx(50 / 51)
    assert samples.drift == pytest.approx(76.5 / 25.5 - 1)
    assert Samples((1.0,), (), 1, steady=True).drift == 0
    quiet = Samples((1.0, 1.01) * 20, (), 10, steady=True)
    assert noise("quiet", quiet) == ()
    assert noise("x", samples) == (
        "noisy: x: the medians of the two halves differ by 200%",
        "noisy: x: the quartiles lie 98% of the median apart",
    )
