"""Power spectra of windows of sound, summed by a mel bank: on a processor without ever holding all of a clip's."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

_FRAMES = 256
"""That are transformed together on a processor: their spectra stay in its cache."""


class Block(NamedTuple):
    """Neighbouring bands of a mel bank.

    Attributes:
        weights: float64 `(some bands, high - low)`.
        low: the first frequency bin that any of them hears.
        high: the one after the last.
    """

    weights: Tensor
    low: int
    high: int


class Span(NamedTuple):
    """Where a block lies in a mel bank: its bands, and the frequency bins that any of them hears."""

    first: int
    last: int
    low: int
    high: int


def spans_of(bank: Tensor, bands: int = 16) -> tuple[Span, ...]:
    """Cut a mel bank `(bands, bins)` into blocks without most of its zeros."""
    spans = []
    for first in range(0, len(bank), bands):
        rows = bank[first : first + bands]
        heard = rows.any(dim=0).nonzero()
        low, high = (int(heard[0]), int(heard[-1]) + 1) if len(heard) else (0, 0)
        spans.append(Span(first, first + len(rows), low, high))
    return tuple(spans)


def blocks_of(bank: Tensor, spans: Sequence[Span] | None = None) -> list[Block]:
    """The blocks of a mel bank; on an accelerator one that has all of it.

    Args:
        bank: `(bands, bins)`.
        spans: where they lie, if that is known; what is compiled cannot look for itself.
    """
    if bank.device.type != "cpu":
        return [Block(bank.double(), 0, bank.shape[1])]
    found = spans_of(bank) if spans is None else spans
    return [Block(bank[span.first : span.last, span.low : span.high].double(), span.low, span.high) for span in found]


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
    if signals.device.type == "cpu":
        return _on_a_processor(signals, window, n_fft, hop, blocks)
    spectrum = torch.stft(
        signals, n_fft, hop, len(window), window, center=True, pad_mode="reflect", return_complex=True
    )
    return power_per_band(spectrum.real.square() + spectrum.imag.square(), blocks)


def power_per_band(power: Tensor, blocks: Sequence[Block]) -> Tensor:
    """Apply a mel bank to power spectra `(windows, bins, frames)`; float32 `(windows, bands, frames)`.

    In double precision: devices may round float32 factors (to ten bits in TF32), and that noise drowns quiet bands.
    """
    exact = power.double()
    return torch.cat([block.weights @ exact[:, block.low : block.high] for block in blocks], dim=1).float()


def _on_a_processor(signals: Tensor, window: Tensor, n_fft: int, hop: int, blocks: Sequence[Block]) -> Tensor:
    """Some frames at a time. Only what the window does not zero is transformed: where it begins is but a phase."""
    margin = (n_fft - len(window)) // 2
    mirrored = pad(signals[:, None], (n_fft // 2, n_fft // 2), mode="reflect")[:, 0]
    count = 1 + signals.shape[1] // hop
    frames = mirrored[:, margin:].unfold(1, len(window), hop)[:, :count]
    bands = torch.empty(len(signals), count, sum(len(block.weights) for block in blocks), device=signals.device)
    for start in range(0, count, _FRAMES):
        some = slice(start, start + _FRAMES)
        parts = torch.view_as_real(torch.fft.rfft(frames[:, some] * window, n=n_fft))
        power = parts[..., 0].square().addcmul_(parts[..., 1], parts[..., 1]).flatten(0, 1).double()
        # A product of two matrices takes each as it lies; one of three dimensions would copy them.
        heard = [torch.mm(power[:, block.low : block.high], block.weights.T) for block in blocks]
        bands[:, some] = torch.cat(heard, dim=1).view(len(signals), -1, bands.shape[2])
    return bands.transpose(1, 2).contiguous()
