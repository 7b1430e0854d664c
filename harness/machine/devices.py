"""Where a system runs."""

import os
from importlib.metadata import version

from harness.errors import UserError, meant

_KINDS = ("auto", "cpu", "cuda", "mps", "xpu", "meta")


def resolve(device: str) -> str:
    """Turn the device that a person asked for into one that exists here.

    Args:
        device: `auto` (an accelerator where there is one), or a device in torch's words.

    Raises:
        UserError: the device does not exist here.

    >>> resolve("cpu")
    'cpu'
    """
    if device == "cpu":
        return device
    if kind_of(device) not in _KINDS:
        raise UserError(f"unknown device {device!r}; {meant('cuda' if device == 'gpu' else device, _KINDS)}")
    if device == "auto" and version("torch").endswith("+cpu"):
        # Loading torch takes seconds, and a build for the CPU alone has nothing to tell.
        return "cpu"
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device {device!r} cannot be used here ({reason}); use auto or cpu") from error
    return device


def kind_of(device: str) -> str:
    """What kind of processor a device is: different kinds round differently.

    >>> kind_of("cuda:1")
    'cuda'
    """
    return device.partition(":")[0]


def usable_cores() -> int:
    """Cores the scheduler grants this process; in a container often fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
