"""Timing that can be believed: warm first, long enough, calls in turn, every sample kept."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from harness.machine import kind_of
from harness.runs import Effort, Samples

if TYPE_CHECKING:
    import torch

Call = Callable[[], object]


FULL = Effort()
"""What a record that may stand beside others takes."""


def measure(calls: Mapping[str, Call], device: str = "cpu", effort: Effort = FULL) -> dict[str, Samples]:
    """Time calls in turn, so that whatever else the machine does meets them alike.

    The device is waited for once before the first call that counts and once after the last. What a system returns is
    in main memory, so that each call's wall time has its own work in it.

    Args:
        calls: by name, what to do again and again.
        device: in torch's words, where they compute.
        effort: how long.
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
    """Wait until an accelerator has done all it was told."""
    if kind_of(device) == "cuda":
        import torch

        torch.cuda.synchronize(device)


def _warm_up(call: Call, effort: Effort) -> tuple[int, bool]:
    """How many calls it took, and whether they became steady."""
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
    """A mark in the queue of the device, which tells the time when the device gets there."""
    import torch

    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))
    return event
