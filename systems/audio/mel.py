"""Log-mel front end of PaSST and of EfficientAT's MobileNets."""

from collections.abc import Callable, Sequence

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import pad

from harness.machine import KnownFields
from systems.audio.rate import SAMPLE_RATE
from systems.audio.spectra import Block, blocks_of, bounds_of, mel_power

PRE_EMPHASIS = 0.97
N_FFT = 1024
HOP = 320
WINDOW = 800
BANDS = 128
F_MIN, F_MAX = 0.0, 15_000.0

_MASK = 4.5 / 5
"""The value of a masked place: that of a power of 1, whose logarithm is 0."""

_SAMPLES_AT_ONCE = 200_000
"""Samples whose images a CPU computes together, over all waveforms; about six seconds."""

LOWER_JITTER, UPPER_JITTER = 10, 2_000
"""How many whole hertz an edge is drawn from: the lower one upwards from 0, the upper one downwards from 16 kHz."""


class MelConfig(KnownFields):
    """The log-mel images of PaSST and of the MobileNets; the defaults are the published ones.

    Attributes:
        bands: number of bands.
        hop: samples at 32 kHz from one frame to the next.
        edge_jitter: see `KaldiLogMel`. Images without it can be kept from one epoch to the next.
        masked_bands: see `KaldiLogMel`. The system of DCASE 2023 has 48.
        masked_frames: see `KaldiLogMel`. The system of DCASE 2023 has 192.
    """

    bands: PositiveInt = BANDS
    hop: PositiveInt = HOP
    edge_jitter: bool = True
    masked_bands: NonNegativeInt = 0
    masked_frames: NonNegativeInt = 0

    @property
    def repeats_images(self) -> bool:
        """Whether nothing of an image is drawn at random in training."""
        return not (self.edge_jitter or self.masked_bands or self.masked_frames)

    def build(self) -> "KaldiLogMel":
        """The front end that makes them."""
        return KaldiLogMel(**self.model_dump())


class KaldiLogMel(nn.Module):
    """Waveforms at 32 kHz to the 128-band log-mel images that PaSST and the MobileNets were trained on.

    The steps are: pre-emphasis, power spectrum of 25 ms Hann windows every 10 ms, Kaldi's mel bank from 0 to 15 kHz,
    logarithm, and a shift and scale to about [-1, 1]. A waveform shorter than half a Fourier frame cannot be mirrored
    at its ends and is first padded with zeros. Everything is computed in float32 or better, under autocast too, which
    would lose the quiet bands.

    Args:
        edge_jitter: whether the edges of the mel bank are drawn at random for each batch in training mode: the lower
            edge from 0 to 9 Hz, the upper one from 14,001 to 16,000 Hz.
        bands: number of bands.
        hop: samples from one frame to the next.
        masked_bands: in training mode so many neighbouring bands of each image, at most, are masked (SpecAugment).
        masked_frames: the same of frames.

    >>> KaldiLogMel()(torch.zeros(2, 32_000)).shape
    torch.Size([2, 128, 100])
    """

    window: Tensor
    bank: Tensor

    def __init__(
        self,
        *,
        edge_jitter: bool = False,
        bands: int = BANDS,
        hop: int = HOP,
        masked_bands: int = 0,
        masked_frames: int = 0,
    ) -> None:
        super().__init__()
        self.edge_jitter = edge_jitter
        self.bands, self.hop = bands, hop
        self.masked_bands, self.masked_frames = masked_bands, masked_frames
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False), persistent=False)
        self.register_buffer("bank", kaldi_mel_bank(bands, N_FFT, SAMPLE_RATE, F_MIN, F_MAX), persistent=False)
        self._bounds = bounds_of(self.bank)

    def forward(self, waveforms: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Compute the log-mel images.

        Args:
            waveforms: `(clips, samples)` in [-1, 1] at 32 kHz.
            generator: on the CPU; the edges of the mel bank and what is masked are drawn from it. `None` is torch's
                global generator.

        Returns:
            Float32 `(clips, bands, frames)`, of `1 + (samples - 1) // hop` frames.
        """
        with torch.autocast(waveforms.device.type, enabled=False):
            bank, bounds = self.bank, self._bounds
            if self.training and self.edge_jitter:
                with torch.device("cpu"):
                    bank = kaldi_mel_bank(self.bands, N_FFT, SAMPLE_RATE, *draw_edges(generator))
                    bounds = bounds_of(bank)
            blocks = blocks_of(bank.to(self.bank.device), bounds)
            images = within_cache(lambda some: self.log_mel(some, blocks), waveforms.float())
            if self.training:
                for axis, most in ((1, self.masked_bands), (2, self.masked_frames)):
                    images = masked(images, axis, most, generator) if most else images
            return images

    @staticmethod
    def longest_waveform(frames: int, hop: int = HOP) -> int:
        """The number of samples of the longest waveform whose image has at most that many frames."""
        return frames * hop

    def log_mel(self, waveforms: Tensor, blocks: Sequence[Block]) -> Tensor:
        """Log-mel images `(clips, bands, frames)` of float32 `(clips, samples)`, by the blocks of a mel bank."""
        # Mirroring needs one sample more than it adds, and the emphasis shortens the signal by one.
        shortage = max(N_FFT // 2 + 2 - waveforms.shape[-1], 0)
        padded = pad(waveforms, (0, shortage)) if shortage else waveforms
        # Not a convolution, whose factors a GPU may round to ten bits (TF32).
        emphasised = torch.sub(padded[:, 1:], padded[:, :-1], alpha=PRE_EMPHASIS)
        mel = mel_power(emphasised, self.window, N_FFT, self.hop, blocks)
        return mel.add_(1e-5).log_().add_(4.5).div_(5)


def within_cache(compute: Callable[[Tensor], Tensor], waveforms: Tensor) -> Tensor:
    """Compute the images of waveforms; on a CPU of few at a time, whose spectra fit into its cache."""
    if waveforms.device.type != "cpu" or len(waveforms) < 2:
        return compute(waveforms)
    at_once = max(_SAMPLES_AT_ONCE // max(waveforms.shape[1], 1), 1)
    return torch.cat([compute(some) for some in torch.split(waveforms, at_once)])


def masked(images: Tensor, axis: int, most: int, generator: torch.Generator | None = None) -> Tensor:
    """Mask neighbouring bands or frames of each image, as SpecAugment does.

    The width of a mask is drawn evenly from 0 to `most`, and then its place. Masked values get the image of a power of
    1, as the authors' front end has it: a loud one.

    Args:
        images: `(clips, bands, frames)`.
        axis: 1 for bands, 2 for frames.
        most: width of the widest mask.
        generator: on the CPU; `None` is torch's global one.
    """
    count = images.shape[axis]
    width, place = torch.rand(2, len(images), 1, generator=generator, device="cpu")
    width = (width * (min(most, count) + 1)).floor()
    first = (place * (count - width + 1)).floor()
    positions = torch.arange(count, device="cpu")
    hidden = (positions >= first) & (positions < first + width)
    return images.masked_fill(hidden.unsqueeze(3 - axis).to(images.device), _MASK)


def draw_edges(generator: torch.Generator | None = None) -> tuple[float, float]:
    """Draw the lower and the upper edge of a mel bank, in Hz."""
    lower = torch.randint(LOWER_JITTER, (), generator=generator, device="cpu").item()
    upper = SAMPLE_RATE / 2 - torch.randint(UPPER_JITTER, (), generator=generator, device="cpu").item()
    return float(lower), upper


def kaldi_mel_bank(bands: int, n_fft: int, sample_rate: int, f_min: float, f_max: float) -> Tensor:
    """Triangular filters of equal width on Kaldi's mel scale, mel(f) = 1127 ln(1 + f / 700).

    As in Kaldi, their sides are straight lines over mel, not over hertz.

    Returns:
        `(bands, n_fft // 2 + 1)`; the column of the Nyquist frequency, which Kaldi does not have, is zero.
    """

    def mel(hertz: Tensor) -> Tensor:
        return 1127 * torch.log1p(hertz / 700)

    edges = mel(torch.tensor([f_min, f_max], dtype=torch.float64))
    centres = torch.linspace(edges[0].item(), edges[1].item(), bands + 2, dtype=torch.float64)
    step = centres[1] - centres[0]
    bins = mel(torch.arange(n_fft // 2, dtype=torch.float64) * sample_rate / n_fft)
    triangles = (1 - (bins - centres[1:-1, None]).abs() / step).clamp(min=0)
    return pad(triangles, (0, 1)).float()
