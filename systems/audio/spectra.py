"""Power spectra of windows of sound, summed by a mel bank: on a processor without ever holding all of a clip's."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_FRAMES = 640
"""That are transformed together on a processor: their spectra stay in its cache."""


class Block(NamedTuple):
    """Neighbouring bands of a mel bank.

    Attributes:
        weights: `(some bands, high - low)` for powers; on a processor `(some bands, 2 (high - low))`, each twice, for
            the squares of real and imaginary parts in turn, whose sum the product then takes along.
        low: the first frequency bin that any of them hears.
        high: the one after the last.
    """

    weights: Tensor
    low: int
    high: int


class Bounds(NamedTuple):
    """Which bands a block has, and which frequency bins any of them hears; each up to the one after the last."""

    first: int
    last: int
    low: int
    high: int


def keeps_factors(device: torch.device) -> bool:
    """Whether a product of float32 numbers takes them as they are: a GPU may round them to ten bits (TF32)."""
    return device.type == "cpu"


def bounds_of(bank: Tensor, bands: int = 16) -> tuple[Bounds, ...]:
    """How to cut a mel bank `(bands, bins)`, on the CPU, into blocks without most of its zeros."""
    found = []
    for first in range(0, len(bank), bands):
        last = min(first + bands, len(bank))
        heard = bank[first:last].any(dim=0).nonzero()
        low, high = (int(heard[0]), int(heard[-1]) + 1) if len(heard) else (0, 0)
        found.append(Bounds(first, last, low, high))
    return tuple(found)


def blocks_of(bank: Tensor, bounds: Sequence[Bounds]) -> list[Block]:
    """Cut a mel bank `(bands, bins)` into blocks; on an accelerator it stays whole, as one."""
    if not keeps_factors(bank.device):
        return [Block(bank, 0, bank.shape[1])]
    twice = bank.repeat_interleave(2, dim=1)
    return [Block(twice[one.first : one.last, 2 * one.low : 2 * one.high], one.low, one.high) for one in bounds]


def mel_power(signals: Tensor, window: Tensor, n_fft: int, hop: int, blocks: Sequence[Block]) -> Tensor:
    """Power per band of a mel bank, of windows that are centred, the signal being mirrored at its ends.

    Args:
        signals: float32 `(signals, samples)`, of more than `n_fft // 2` samples.
        window: `(length,)`, at most `n_fft` long, an even number of samples shorter.
        n_fft: length of the Fourier transform.
        hop: samples between windows.
        blocks: the bank.

    Returns:
        Float32 `(signals, bands, frames)`, `1 + samples // hop` frames.
    """
    if keeps_factors(signals.device):
        return _some_frames_at_a_time(signals, window, n_fft, hop, blocks)
    return _all_at_once(signals, window, n_fft, hop, blocks[0].weights)


def _all_at_once(signals: Tensor, window: Tensor, n_fft: int, hop: int, bank: Tensor) -> Tensor:
    spectrum = torch.stft(
        signals, n_fft, hop, len(window), window, center=True, pad_mode="reflect", return_complex=True
    )
    power = spectrum.real.square() + spectrum.imag.square()
    # In double precision: the noise of rounded factors drowns quiet bands.
    return (bank.double() @ power.double()).float()


def _some_frames_at_a_time(signals: Tensor, window: Tensor, n_fft: int, hop: int, blocks: Sequence[Block]) -> Tensor:
    """So that spectra stay in a processor's cache.

    Only what the window does not zero is transformed: where it begins is but a phase.
    """
    reach = len(window) // 2
    # Padding as torch does it by `pad` takes longer than a fifth of the transforms.
    ends = signals[:, 1 : 1 + reach].flip(1), signals[:, -1 - reach : -1].flip(1)
    mirrored = torch.cat([ends[0], signals, ends[1]], dim=1)
    count = 1 + signals.shape[1] // hop
    frames = mirrored.unfold(1, len(window), hop)[:, :count]
    bands = torch.empty(len(signals), count, sum(len(block.weights) for block in blocks), device=signals.device)
    for start in range(0, count, _FRAMES):
        some = slice(start, start + _FRAMES)
        parts = torch.view_as_real(torch.fft.rfft(frames[:, some] * window, n=n_fft))
        squares = parts.square_().flatten(2).flatten(0, 1)
        # A product of two matrices takes each as it lies; one of three dimensions would copy them.
        heard = [torch.mm(squares[:, 2 * block.low : 2 * block.high], block.weights.T) for block in blocks]
        bands[:, some] = torch.cat(heard, dim=1).view(len(signals), -1, bands.shape[2])
    return bands.transpose(1, 2).contiguous()
