"""How much memory work takes, in a pass of its own, for looking at memory takes time."""

from collections.abc import Callable
from pathlib import Path

from harness.machine import kind_of
from harness.runs import Memory
from harness.throughput.instruments.timing import synchronise


def peak_memory(call: Callable[[], object], device: str = "cpu") -> Memory:
    """Do something once and watch the memory."""
    on_gpu = kind_of(device) == "cuda"
    if on_gpu:
        import torch

        synchronise(device)
        torch.cuda.reset_peak_memory_stats(device)
    before = _forget_peak()
    call()
    synchronise(device)
    most = _status("VmHWM") if before is not None else None
    return Memory(
        resident=most,
        added=None if before is None or most is None else max(most - before, 0),
        allocated=torch.cuda.max_memory_allocated(device) if on_gpu else None,
        reserved=torch.cuda.max_memory_reserved(device) if on_gpu else None,
    )


def _forget_peak() -> int | None:
    """Let the system take the process's memory now for the most it ever had; `None` where it does not."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    """Bytes of a line of the process's status."""
    return _kilobytes(Path("/proc/self/status"), name)


def _kilobytes(path: Path, name: str) -> int | None:
    try:
        for line in path.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def available_bytes() -> int | None:
    """Bytes of main memory that could be had now, `None` where the system does not tell."""
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable")
