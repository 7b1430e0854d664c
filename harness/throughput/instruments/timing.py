"""Reliable timing: warm-up first, long enough, several calls in turn, and every sample kept."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from harness.machine import kind_of
from harness.runs import Effort, Samples

if TYPE_CHECKING:
    import torch

Call = Callable[[], object]

FULL = Effort()
"""The effort a record needs to be comparable with others."""


def measure(calls: Mapping[str, Call], device: str = "cpu", effort: Effort = FULL) -> dict[str, Samples]:
    """Time calls in turn, so that whatever else the machine does affects all of them alike.

    The device is synchronised once before the first call that counts and once after the last. That is enough, since a
    system returns its results in main memory: the wall time of each call includes all of its work.

    Args:
        calls: the calls by name.
        device: where they compute, as torch names it.
        effort: for how long.
    """
    warmed = {name: _warm_up(call, effort) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    marks: dict[str, list[tuple[torch.cuda.Event, torch.cuda.Event]]] = {name: [] for name in calls}
    on_gpu = kind_of(device) == "cuda"
    synchronise(device)
    while any(len(spent) < effort.iterations or sum(spent) < effort.seconds for spent in seconds.values()):
        for name, call in calls.items():
            start = _mark(device) if on_gpu else None
            begun = perf_counter()
            call()
            seconds[name].append(perf_counter() - begun)
            if start is not None:
                marks[name].append((start, _mark(device)))
    synchronise(device)
    return {
        name: Samples(
            tuple(seconds[name]),
            tuple(start.elapsed_time(end) / 1000 for start, end in marks[name]),
            *warmed[name],
        )
        for name in calls
    }


def synchronise(device: str) -> None:
    """Wait until an accelerator has finished all work in its queue."""
    if kind_of(device) == "cuda":
        import torch

        torch.cuda.synchronize(device)


def _warm_up(call: Call, effort: Effort) -> tuple[int, bool]:
    """The number of calls until their times became steady, and whether they did."""
    spent: list[float] = []
    while True:
        begun = perf_counter()
        call()
        spent.append(perf_counter() - begun)
        last = spent[-effort.steady :]
        steady = len(last) == effort.steady and max(last) <= (1 + effort.within) * min(last)
        if len(spent) >= effort.warm_ups and (steady or sum(spent) >= effort.most_warm_up_seconds):
            return len(spent), steady


def _mark(device: str) -> "torch.cuda.Event":
    """An event in the queue of the device, which takes the time when the device reaches it."""
    import torch

    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))
    return event
