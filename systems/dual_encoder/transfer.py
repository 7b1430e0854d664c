"""Samples on their way to the device that computes."""

from functools import cache

import torch
from torch import Tensor


def on_device(samples: Tensor, device: torch.device) -> Tensor:
    """Samples on a device, as float32 in [-1, 1]; int16 samples, half as many bytes, are converted there."""
    moved = _copied_beside(samples, device) if device.type == "cuda" else samples.to(device)
    return moved * (1 / 32768) if moved.dtype == torch.int16 else moved


def _copied_beside(samples: Tensor, device: torch.device) -> Tensor:
    """A copy on a GPU, made while the GPU computes on what came before, and while this thread goes on."""
    computing, copying = torch.cuda.current_stream(device), _copy_stream(device)
    with torch.cuda.stream(copying):
        # Only from pinned memory a GPU copies by itself.
        moved = samples.pin_memory().to(device, non_blocking=True)
    computing.wait_stream(copying)
    # Otherwise the next copy could get this memory before the computation has read it.
    moved.record_stream(computing)
    return moved


@cache
def _copy_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
