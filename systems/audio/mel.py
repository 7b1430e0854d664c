"""Log-mel front end of PaSST and of EfficientAT's MobileNets."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from systems.audio.spectra import Block, blocks_of, bounds_of, mel_power

SAMPLE_RATE = 32_000
PRE_EMPHASIS = 0.97
N_FFT = 1024
HOP = 320
WINDOW = 800
BANDS = 128
F_MIN, F_MAX = 0.0, 15_000.0

_SAMPLES_AT_ONCE = 200_000
"""Of all the waveforms whose images a processor computes together; about six seconds."""

LOWER_JITTER, UPPER_JITTER = 10, 2_000
"""How many whole hertz the edges are drawn from: upwards from 0, downwards from half the sampling rate."""


class KaldiLogMel(nn.Module):
    """Waveforms at 32 kHz to the 128-band log-mel image the published encoders were trained on.

    Pre-emphasis, power spectrum of 25 ms Hann windows every 10 ms, Kaldi's mel bank from 0 to 15 kHz, logarithm, and a
    shift and scale to about [-1, 1]. A waveform shorter than half a Fourier frame, which cannot be mirrored at its
    ends, is first filled up with zeros. Always computed in float32 or better: under autocast the quiet bands would be
    lost.

    Args:
        edge_jitter: whether the mel bank's edges are drawn anew for each batch in training mode: the lower from 0 to
            9 Hz, the upper from 14,001 to 16,000 Hz.

    >>> KaldiLogMel()(torch.zeros(2, 32_000)).shape
    torch.Size([2, 128, 100])
    """

    window: Tensor
    bank: Tensor

    def __init__(self, *, edge_jitter: bool = False) -> None:
        super().__init__()
        self.edge_jitter = edge_jitter
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False), persistent=False)
        self.register_buffer("bank", kaldi_mel_bank(BANDS, N_FFT, SAMPLE_RATE, F_MIN, F_MAX), persistent=False)
        self._bounds = bounds_of(self.bank)

    def forward(self, waveforms: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Compute the log-mel images.

        Args:
            waveforms: `(clips, samples)` in [-1, 1] at 32 kHz.
            generator: on the CPU; draws the edges of the mel bank, if they are jittered. None is torch's global one.

        Returns:
            Float32 `(clips, 128, frames)`; frames are 10 ms apart, `1 + (samples - 1) // 320` of them.
        """
        with torch.autocast(waveforms.device.type, enabled=False):
            bank, bounds = self.bank, self._bounds
            if self.training and self.edge_jitter:
                with torch.device("cpu"):
                    bank = kaldi_mel_bank(BANDS, N_FFT, SAMPLE_RATE, *draw_edges(generator))
                    bounds = bounds_of(bank)
            blocks = blocks_of(bank.to(self.bank.device), bounds)
            return near_the_processor(lambda some: self.log_mel(some, blocks), waveforms.float())

    @staticmethod
    def longest_waveform(frames: int) -> int:
        """Samples of the longest waveform whose image has no more than that many frames."""
        return frames * HOP

    def log_mel(self, waveforms: Tensor, blocks: Sequence[Block]) -> Tensor:
        """Log-mel images `(clips, bands, frames)` of float32 `(clips, samples)`, by the blocks of a mel bank."""
        # Mirroring takes more samples than it adds, and the emphasis takes one.
        shortage = max(N_FFT // 2 + 2 - waveforms.shape[-1], 0)
        filled = pad(waveforms, (0, shortage)) if shortage else waveforms
        # No convolution: a GPU may round its factors to ten bits (TF32).
        emphasised = torch.sub(filled[:, 1:], filled[:, :-1], alpha=PRE_EMPHASIS)
        mel = mel_power(emphasised, self.window, N_FFT, HOP, blocks)
        return mel.add_(1e-5).log_().add_(4.5).div_(5)


def near_the_processor(compute: Callable[[Tensor], Tensor], waveforms: Tensor) -> Tensor:
    """Compute images of waveforms, on a CPU few at a time: the spectra of more would not fit its cache."""
    if waveforms.device.type != "cpu" or len(waveforms) < 2:
        return compute(waveforms)
    at_once = max(_SAMPLES_AT_ONCE // max(waveforms.shape[1], 1), 1)
    return torch.cat([compute(some) for some in torch.split(waveforms, at_once)])


def draw_edges(generator: torch.Generator | None = None) -> tuple[float, float]:
    """Draw the edges of a jittered mel bank in Hz, the lower first."""
    lower = torch.randint(LOWER_JITTER, (), generator=generator, device="cpu").item()
    upper = SAMPLE_RATE / 2 - torch.randint(UPPER_JITTER, (), generator=generator, device="cpu").item()
    return float(lower), upper


def kaldi_mel_bank(bands: int, n_fft: int, sample_rate: int, f_min: float, f_max: float) -> Tensor:
    """Triangles of equal width on Kaldi's mel scale, 1127 ln(1 + f / 700), drawn in mel rather than in hertz.

    Returns:
        `(bands, n_fft // 2 + 1)`; the column of the Nyquist frequency is zero, as Kaldi has none.
    """

    def mel(hertz: Tensor) -> Tensor:
        return 1127 * torch.log1p(hertz / 700)

    edges = mel(torch.tensor([f_min, f_max], dtype=torch.float64))
    centres = torch.linspace(edges[0].item(), edges[1].item(), bands + 2, dtype=torch.float64)
    step = centres[1] - centres[0]
    bins = mel(torch.arange(n_fft // 2, dtype=torch.float64) * sample_rate / n_fft)
    triangles = (1 - (bins - centres[1:-1, None]).abs() / step).clamp(min=0)
    return pad(triangles, (0, 1)).float()
