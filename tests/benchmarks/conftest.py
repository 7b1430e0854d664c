"""Every time is also given relative to a fixed piece of work, timed in the same process right before and after.

`LBAR_SPEEDS=FILE` keeps those of the stages in a file: a baseline, or a repeat to compare with one.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.throughput.instruments.reference import reference_seconds
from harness.throughput.instruments.watching import hardware_class
from leaderboard.gates.speed_gate import Speeds

RATIOS = pytest.StashKey[dict[str, float]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RATIOS] = {}


@pytest.fixture(autouse=True)
def beside_the_reference(request: pytest.FixtureRequest) -> Iterator[None]:
    if "benchmark" not in request.fixturenames:
        yield
        return
    benchmark = request.getfixturevalue("benchmark")
    before = reference_seconds()
    yield
    if benchmark.stats is None:
        return
    ratio = benchmark.stats.stats.min / min(before, reference_seconds())
    benchmark.extra_info["in_units_of_the_reference"] = ratio
    stage = benchmark.extra_info.get("stage")
    if stage:
        request.config.stash[RATIOS][stage] = ratio


def pytest_sessionfinish(session: pytest.Session) -> None:
    ratios = session.config.stash[RATIOS]
    target = os.environ.get("LBAR_SPEEDS")
    if target and ratios:
        Path(target).write_text(Speeds(hardware=hardware_class(), ratios=ratios).to_json())
