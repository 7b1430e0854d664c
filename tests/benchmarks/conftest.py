"""Every time is also given relative to a fixed piece of work, timed in the same process right before and after.

`LBAR_SPEEDS=FILE` keeps those of the stages in a file: a baseline, or a repeat to compare with one.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from harness.machine.devices import usable_cores
from harness.machine.environment import describe_environment
from leaderboard.gates.speed_gate import Speeds

_SIDE = 256
_LENGTH = 1 << 18
_STEPS = 20_000

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


def hardware_class() -> str:
    """Processor and threads: only machines that agree in them are compared by times in units of the reference work."""
    return f"{describe_environment().cpu}{_generation()}, {usable_cores()} threads"


def _generation() -> str:
    """Family and model, which distinguish processors of one name, where the operating system gives them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines()
    except OSError:
        return ""
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    numbers = [f"{name} {fields[name]}" for name in ("cpu family", "model") if name in fields]
    return f" ({', '.join(numbers)})" if numbers else ""


def reference_seconds(passes: int = 5) -> float:
    """Seconds the work takes, in the fastest of a few passes; about a hundredth of a second.

    It has something of all that this package does: matrix products, Fourier transforms, passes over memory, and plain
    Python. It must never change, since stored baselines are in units of it.
    """
    work = _work()
    work()
    return min(_timed(work) for _ in range(passes))


def _work() -> Callable[[], float]:
    random = np.random.default_rng(0)
    matrix = random.standard_normal((_SIDE, _SIDE)).astype(np.float32)
    signal = random.standard_normal(_LENGTH).astype(np.float32)

    def work() -> float:
        product = matrix
        for _ in range(4):
            product = product @ matrix / np.float32(_SIDE)
        spectrum = np.abs(np.fft.rfft(signal.reshape(-1, 1024), axis=1))
        total = 0
        for number in range(_STEPS):
            total += number % 7
        return float(product[0, 0]) + float(spectrum.max()) + float(np.partition(signal, -10)[-10:].sum()) + total

    return work


def _timed(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun
