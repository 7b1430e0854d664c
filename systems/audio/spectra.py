"""Power per band of a mel bank, from the short-time Fourier transform.

On a CPU the spectra of a few frames are computed at a time, so that they stay in its cache.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_FRAMES_AT_ONCE = 640
"""Frames that a CPU transforms together."""


class Block(NamedTuple):
    """Neighbouring bands of a mel bank.

    Attributes:
        weights: `(bands of the block, high - low)`, to be multiplied with powers. On a CPU `(bands of the block,
            2 (high - low))`: each weight stands there twice, for the squares of the real and of the imaginary part, so
            that one matrix product also adds these two up.
        low: the first frequency bin with a weight above 0 in any of the bands.
        high: one more than the last such bin.
    """

    weights: Tensor
    low: int
    high: int


class Bounds(NamedTuple):
    """A block of bands from `first` to before `last`, with its frequency bins from `low` to before `high`."""

    first: int
    last: int
    low: int
    high: int


def keeps_factors(device: torch.device) -> bool:
    """Whether matrix products take float32 numbers as they are; a GPU may round them to ten bits (TF32)."""
    return device.type == "cpu"


def bounds_of(bank: Tensor, bands: int = 16) -> tuple[Bounds, ...]:
    """Where to cut a mel bank `(bands, bins)`, on the CPU, so that blocks hold few of its zeros; `bands` per block."""
    found = []
    for first in range(0, len(bank), bands):
        last = min(first + bands, len(bank))
        used = bank[first:last].any(dim=0).nonzero()
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
        found.append(Bounds(first, last, low, high))
    return tuple(found)


def blocks_of(bank: Tensor, bounds: Sequence[Bounds]) -> list[Block]:
    """Cut a mel bank `(bands, bins)` into blocks; on an accelerator the whole bank is one block."""
    if not keeps_factors(bank.device):
        return [Block(bank, 0, bank.shape[1])]
    twice = bank.repeat_interleave(2, dim=1)
    return [Block(twice[one.first : one.last, 2 * one.low : 2 * one.high], one.low, one.high) for one in bounds]


def mel_power(signals: Tensor, window: Tensor, n_fft: int, hop: int, blocks: Sequence[Block]) -> Tensor:
    """Power per band of a mel bank.

    Frame t is centred on sample t * hop; the signal is mirrored at its ends.

    Args:
        signals: float32 `(signals, samples)`, of more than `n_fft // 2` samples.
        window: `(length,)`, as long as `n_fft`, or shorter by an even number of samples.
        n_fft: length of the Fourier transform.
        hop: samples from one frame to the next.
        blocks: the mel bank.

    Returns:
        Float32 `(signals, bands, frames)`, `1 + samples // hop` frames.
    """
    if keeps_factors(signals.device):
        return _few_frames_at_a_time(signals, window, n_fft, hop, blocks)
    return _all_at_once(signals, window, n_fft, hop, blocks[0].weights)


def _all_at_once(signals: Tensor, window: Tensor, n_fft: int, hop: int, bank: Tensor) -> Tensor:
    spectrum = torch.stft(
        signals, n_fft, hop, len(window), window, center=True, pad_mode="reflect", return_complex=True
    )
    power = spectrum.real.square() + spectrum.imag.square()
    # In double precision: the noise of rounded factors drowns quiet bands.
    return (bank.double() @ power.double()).float()


def _few_frames_at_a_time(signals: Tensor, window: Tensor, n_fft: int, hop: int, blocks: Sequence[Block]) -> Tensor:
    """The same on a CPU.

    A frame is as long as the window, and `rfft` fills it up with zeros at its end, where `stft` fills it up on both
    sides: that shifts the phase and leaves the power as it is.
    """
    reach = len(window) // 2
    # Torch's `pad` would take more than a fifth of the time that the transforms take.
    ends = signals[:, 1 : 1 + reach].flip(1), signals[:, -1 - reach : -1].flip(1)
    mirrored = torch.cat([ends[0], signals, ends[1]], dim=1)
    count = 1 + signals.shape[1] // hop
    frames = mirrored.unfold(1, len(window), hop)[:, :count]
    bands = torch.empty(len(signals), count, sum(len(block.weights) for block in blocks), device=signals.device)
    for start in range(0, count, _FRAMES_AT_ONCE):
        some = slice(start, start + _FRAMES_AT_ONCE)
        parts = torch.view_as_real(torch.fft.rfft(frames[:, some] * window, n=n_fft))
        squares = parts.square_().flatten(2).flatten(0, 1)
        # A product of two matrices reads slices in place; one of three-dimensional tensors would copy them.
        powers = [torch.mm(squares[:, 2 * block.low : 2 * block.high], block.weights.T) for block in blocks]
        bands[:, some] = torch.cat(powers, dim=1).view(len(signals), -1, bands.shape[2])
    return bands.transpose(1, 2).contiguous()
