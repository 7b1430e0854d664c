"""How many clips at once are fastest on a device, and how many make an iteration long enough to be timed."""

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

from harness.errors import UserError
from harness.evaluation import is_out_of_memory
from harness.machine import kind_of
from harness.runs import SweepStep
from harness.throughput.subject import Subject

_LARGEST = {"cpu": 64, "cuda": 512}
_SWEEP_SECONDS = 1.0
_ITERATION_SECONDS = 0.5


def sweep(subject: Subject, sizes: list[int]) -> Iterator[SweepStep]:
    """Measure clips per second at each batch size, on clips in memory; ends where the device is out of memory."""
    for size in sizes:
        try:
            rate = _clips_per_second(subject, size)
        except UserError:
            raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            yield SweepStep(batch_size=size, clips_per_second=None)
            return
        yield SweepStep(batch_size=size, clips_per_second=rate)


def _clips_per_second(subject: Subject, size: int) -> float:
    available = len(subject.prepared.task.clips)
    tried = replace(subject.with_clips(min(size, available)), batch_size=size)
    waveforms = tried.waveforms()
    # A data set may be smaller than a batch.
    waveforms = [waveforms[number % len(waveforms)] for number in range(size)]
    tried.embed_bare(waveforms)
    fastest, until = float("inf"), perf_counter() + _SWEEP_SECONDS
    while perf_counter() < until or fastest == float("inf"):
        begun = perf_counter()
        tried.embed_bare(waveforms)
        fastest = min(fastest, perf_counter() - begun)
    return size / fastest


def sizes_for(device: str, asked: int | None) -> list[int]:
    """The batch sizes to try: the one that was asked for, or powers of two."""
    if asked is not None:
        return [asked]
    largest = _LARGEST["cuda" if kind_of(device) == "cuda" else "cpu"]
    return [1 << power for power in range(largest.bit_length())]


def best_of(steps: list[SweepStep]) -> SweepStep:
    """The smallest batch that is within 2 % of the fastest.

    Raises:
        UserError: the device runs out of memory at every size.
    """
    rates = [step.clips_per_second for step in steps if step.clips_per_second]
    if not rates:
        raise UserError(
            f"the device is out of memory at a batch of {steps[0].batch_size}; ask for less with --batch-size"
        )
    return next(step for step in steps if step.clips_per_second and step.clips_per_second >= 0.98 * max(rates))


def clips_per_iteration(step: SweepStep, available: int) -> int:
    """The clips of as many whole batches as take about half a second, which is long beside the clock's resolution."""
    rate = step.clips_per_second or 1.0
    batches = max(round(rate * _ITERATION_SECONDS / step.batch_size), 1)
    return min(batches * step.batch_size, available)
