"""The memory that a call takes, found in a pass of its own, since measuring memory takes time."""

from collections.abc import Callable
from pathlib import Path

from harness.machine import kind_of
from harness.runs import Memory
from harness.throughput.instruments.timing import synchronise


def peak_memory(call: Callable[[], object], device: str = "cpu") -> Memory:
    """Call once, and give the peak of memory meanwhile."""
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
    """Reset the process's peak of memory; gives the memory it has now, or `None` where it cannot be reset."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    """A line of the process's status, in bytes."""
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
    """Bytes of main memory that are available, `None` where the operating system does not tell."""
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable")
