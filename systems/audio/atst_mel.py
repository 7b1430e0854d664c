"""Log-mel front end of ATST-Frame."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from systems.audio.mel import within_cache
from systems.audio.spectra import Block, blocks_of, bounds_of, keeps_factors, mel_power

SAMPLE_RATE = 16_000
"""In Hz; the spectrogram is computed at this rate, from waveforms at twice the rate."""
N_FFT = 1024
HOP = 160
BANDS = 64
F_MIN, F_MAX = 60.0, 7_800.0
TOP_DB = 80.0

LOWPASS_ZEROS = 6
"""Zeros of the sinc on each side of its centre."""
ROLLOFF = 0.99
"""Cut-off of the low-pass filter, as a share of the Nyquist frequency at 16 kHz."""
_BLOCK = 32
"""Samples at 16 kHz that one row of a matrix product computes."""

LEAST_DB, MOST_DB = -50.0, 80.0
SHIFT, SCALE = 79.6482, 130.3324


class AtstLogMel(nn.Module):
    """Waveforms at 32 kHz to the 64-band log-mel images that ATST-Frame was trained on.

    The steps are: resampling to 16 kHz, power spectrum of 64 ms Hann windows every 10 ms, HTK mel bank from 60 Hz to
    7.8 kHz, decibels with a floor 80 dB below the loudest value, and a shift and scale to [-1, 1]. A waveform too short
    to be mirrored at its ends is first padded with zeros. Everything is computed in float32 or better, under autocast
    too, and matrix products on a GPU in double precision: it may round float32 factors to ten bits (TF32), a noise that
    drowns quiet bands.

    Args:
        top_db_scope: where the loudest value is looked for: in each `window` by itself, or in the whole `batch`, as the
            published system does; then the result for a window depends on the others in its batch.

    >>> AtstLogMel()(torch.zeros(2, 32_000)).shape
    torch.Size([2, 64, 101])
    """

    window: Tensor
    bank: Tensor
    lowpass: Tensor

    def __init__(self, top_db_scope: Literal["window", "batch"] = "window") -> None:
        super().__init__()
        self.top_db_scope = top_db_scope
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("bank", htk_mel_bank(BANDS, N_FFT, SAMPLE_RATE, F_MIN, F_MAX), persistent=False)
        self._bounds = bounds_of(self.bank)
        # A matrix that maps the samples a block is computed from to the block: several times faster than a convolution.
        kernel = halving_kernel()
        shifted = [pad(kernel, (2 * place, 2 * (_BLOCK - 1 - place))) for place in range(_BLOCK)]
        self.register_buffer("lowpass", torch.stack(shifted, dim=1).double(), persistent=False)

    def forward(self, waveforms: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002
        """Compute the log-mel images.

        Args:
            waveforms: `(windows, samples)` in [-1, 1] at 32 kHz.
            generator: not used; every front end takes one.

        Returns:
            Float32 `(windows, 64, frames)`; frames are 10 ms apart, `1 + (samples + 1) // 320` of them.
        """
        with torch.autocast(waveforms.device.type, enabled=False):
            blocks = blocks_of(self.bank, self._bounds)
            mel = within_cache(lambda some: self.mel(self.halve(some), blocks), waveforms.float())
            decibels = 10 * mel.clamp(min=1e-10).log10()
            loudest = decibels.amax((1, 2), keepdim=True) if self.top_db_scope == "window" else decibels.amax()
            audible = torch.maximum(decibels, loudest - TOP_DB).clamp(LEAST_DB, MOST_DB)
            return (audible + SHIFT) / SCALE * 2 - 1

    @staticmethod
    def longest_waveform(frames: int) -> int:
        """The number of samples of the longest waveform whose image has at most that many frames."""
        return 2 * (frames * HOP - 1)

    def halve(self, waveforms: Tensor) -> Tensor:
        """Resample float32 `(windows, samples)` from 32 to 16 kHz: half as many samples, rounded up."""
        samples, inputs = waveforms.shape[-1], len(self.lowpass)
        halved = (samples + 1) // 2
        blocks = max(math.ceil(halved / _BLOCK), 1)
        before = (inputs - 2 * _BLOCK) // 2
        padded = pad(waveforms, (before, 2 * _BLOCK * blocks + before - samples))
        exact = torch.float32 if keeps_factors(waveforms.device) else torch.float64
        outputs = padded.unfold(-1, inputs, 2 * _BLOCK).to(exact) @ self.lowpass.to(exact)
        return outputs.flatten(1)[:, :halved].float()

    def mel(self, waveforms: Tensor, blocks: Sequence[Block]) -> Tensor:
        """Power per band of a mel bank, `(windows, 64, frames)`, of float32 `(windows, samples)` at 16 kHz."""
        shortage = max(N_FFT // 2 + 1 - waveforms.shape[-1], 0)
        padded = pad(waveforms, (0, shortage)) if shortage else waveforms
        return mel_power(padded, self.window, N_FFT, HOP, blocks)


def halving_kernel() -> Tensor:
    """The low-pass filter that halves the sampling rate, a Hann-windowed sinc: `(28,)`, centred on index 13."""
    reach = math.ceil(LOWPASS_ZEROS * 2 / ROLLOFF)
    # Distance from the centre, counted in zeros of the sinc, which are 2 / ROLLOFF samples apart.
    places = torch.arange(-reach, reach + 2, dtype=torch.float64) / 2 * ROLLOFF
    places = places.clamp(-LOWPASS_ZEROS, LOWPASS_ZEROS)
    hann = (places * math.pi / (2 * LOWPASS_ZEROS)).cos().square()
    return (places.sinc() * hann * ROLLOFF / 2).float()


def htk_mel_bank(bands: int, n_fft: int, sample_rate: int, f_min: float, f_max: float) -> Tensor:
    """Triangular filters whose corners are equally spaced on HTK's mel scale, mel(f) = 2595 log10(1 + f / 700).

    Their sides are straight lines over hertz.

    Returns:
        `(bands, n_fft // 2 + 1)`; the peak of each triangle is 1.
    """
    lowest, highest = (2595 * math.log10(1 + hertz / 700) for hertz in (f_min, f_max))
    mels = torch.linspace(lowest, highest, bands + 2, dtype=torch.float64)
    corners = 700 * (10 ** (mels / 2595) - 1)
    bins = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    left, peak, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return torch.minimum((bins - left) / (peak - left), (right - bins) / (right - peak)).clamp(min=0).float()
