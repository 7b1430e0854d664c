"""How much memory work takes, in a pass of its own, for looking at memory takes time."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from pydantic import BaseModel, ConfigDict

from harness.devices import kind_of
from harness.throughput.timing import synchronise

_INTERVAL_S = 0.005


class Memory(BaseModel):
    """Most bytes at any moment.

    Attributes:
        resident: of main memory that the process held, `None` where the system does not tell.
        added: what of it came on during the work.
        allocated: of an accelerator's memory, by tensors.
        reserved: the same, by torch for tensors to come.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resident: int | None
    added: int | None
    allocated: int | None = None
    reserved: int | None = None


def peak_memory(call: Callable[[], object], device: str = "cpu") -> Memory:
    """Do something once and watch the memory."""
    on_gpu = kind_of(device) == "cuda"
    if on_gpu:
        import torch

        synchronise(device)
        torch.cuda.reset_peak_memory_stats(device)
    before = resident_bytes()
    most, done = [before or 0], Event()

    def look() -> None:
        while not done.wait(_INTERVAL_S):
            most.append(resident_bytes() or 0)

    looking = Thread(target=look, daemon=True)
    looking.start()
    try:
        call()
        synchronise(device)
        most.append(resident_bytes() or 0)
    finally:
        done.set()
        looking.join()
    return Memory(
        resident=None if before is None else max(most),
        added=None if before is None else max(most) - before,
        allocated=torch.cuda.max_memory_allocated(device) if on_gpu else None,
        reserved=torch.cuda.max_memory_reserved(device) if on_gpu else None,
    )


def resident_bytes() -> int | None:
    """Bytes of main memory this process holds now, `None` where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def available_bytes() -> int | None:
    """Bytes of main memory that could be had now, `None` where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
