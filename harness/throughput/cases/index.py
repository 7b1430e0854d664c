"""The workload `index`: clips to embeddings."""

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

from harness.errors import UserError
from harness.evaluation import is_out_of_memory
from harness.machine import kind_of
from harness.runs import SweepStep
from harness.throughput.instruments.observation import Case, Observed, observe
from harness.throughput.subject import SYNTHETIC_SECONDS, Subject

_LARGEST = {"cpu": 64, "cuda": 512}
_SWEEP_SECONDS = 1.0
_ITERATION_SECONDS = 0.5
BARE = "bare encoder"


def cases_of(subject: Subject) -> list[Case]:
    """Real clips out of the store, the same in memory through the encoder alone, and synthetic ones."""
    real, synthetic = subject.waveforms(), subject.synthetic()
    dataset = subject.prepared.task.protocol.dataset
    count, heard = len(subject.clips), subject.audio_seconds
    made = f"{SYNTHETIC_SECONDS:g} s of noise"
    return [
        Case(f"index, {dataset}", "clips", count, subject.embed_stored, heard),
        Case(f"index, {BARE}", "clips", count, lambda: subject.embed_bare(real), heard),
        Case(f"index, {made}", "clips", count, lambda: subject.embed_bare(synthetic), SYNTHETIC_SECONDS * count),
    ]


def observe_index(subject: Subject) -> Observed:
    """Measure the cases in turn, so that what the harness adds to the encoder is measured under equal conditions."""
    return observe(cases_of(subject), subject.device, subject.ceilings, subject.effort)


def sweep(subject: Subject, sizes: list[int]) -> Iterator[SweepStep]:
    """Clips a second by batch size, on clips in memory; ends where the device is out of memory."""
    available = len(subject.prepared.task.clips)
    for size in sizes:
        tried = replace(subject.with_clips(min(size, available)), batch_size=size)
        waveforms = tried.waveforms()
        # A data set may be smaller than a batch.
        waveforms = [waveforms[number % len(waveforms)] for number in range(size)]
        try:
            tried.embed_bare(waveforms)
            fastest, until = float("inf"), perf_counter() + _SWEEP_SECONDS
            while perf_counter() < until or fastest == float("inf"):
                begun = perf_counter()
                tried.embed_bare(waveforms)
                fastest = min(fastest, perf_counter() - begun)
        except UserError:
            raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            yield SweepStep(batch_size=size, clips_per_second=None)
            return
        yield SweepStep(batch_size=size, clips_per_second=size / fastest)


def sizes_for(device: str, asked: int | None) -> list[int]:
    """The batch sizes to try: the one that was asked for, or powers of two."""
    if asked is not None:
        return [asked]
    largest = _LARGEST["cuda" if kind_of(device) == "cuda" else "cpu"]
    return [1 << power for power in range(largest.bit_length())]


def best_of(steps: list[SweepStep]) -> SweepStep:
    """The smallest batch that is within 2 % of the fastest.

    Raises:
        UserError: none of them fits.
    """
    rates = [step.clips_per_second for step in steps if step.clips_per_second]
    if not rates:
        raise UserError(
            f"the device is out of memory at a batch of {steps[0].batch_size}; ask for less with --batch-size"
        )
    return next(step for step in steps if step.clips_per_second and step.clips_per_second >= 0.98 * max(rates))


def clips_per_iteration(step: SweepStep, available: int) -> int:
    """As many whole batches as fill an iteration that is long against the clock."""
    rate = step.clips_per_second or 1.0
    batches = max(round(rate * _ITERATION_SECONDS / step.batch_size), 1)
    return min(batches * step.batch_size, available)
