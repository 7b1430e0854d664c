"""How many cores this process may use."""

import os


def usable_cores() -> int:
    """Cores the scheduler grants this process; in a container often fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
