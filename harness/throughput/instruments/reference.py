"""A fixed piece of work. Times divided by its time are comparable across machines that differ in speed alone."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

_SIDE = 256
_LENGTH = 1 << 18
_STEPS = 20_000


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
