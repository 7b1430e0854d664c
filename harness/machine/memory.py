"""Settings of the C library for memory that a computation has freed."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MOST = (1 << 31) - 1


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory for the next allocation.

    By default it returns large blocks to the operating system, which has to clear each page before it hands it out
    again. An encoder on a CPU allocates and frees the same large blocks in each step; returning them makes a step of a
    small MobileNet take 1.9 times as long. The price is that a process keeps the most memory it ever had.

    Returns:
        Whether the C library has this setting; GNU's has.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _MOST)) and bool(mallopt(_TRIM_THRESHOLD, _MOST))
