"""Statistics of a whole clip: how loud each mel band is over time, and how fast that changes."""

from collections.abc import Sequence

import numpy as np
import torch

from harness.audio import Array
from systems.audio.mel import BANDS, HOP, KaldiLogMel

_SILENCE = 1e-4
"""The lowest peak that is scaled to full scale, 80 dB below it; a quieter clip stays quiet."""


class ClipStatistics:
    """From a waveform at 32 kHz of any length to one vector of statistics of its log-mel image.

    The clip is first scaled to full scale, so that the vector does not depend on its level. A clip too short for the
    longest lag is padded with zeros.

    Args:
        bands: number of bands, a divisor of 128; neighbouring mel bands are averaged to get them.
        quantiles: quantiles of each band's level over time, taken beside its mean and standard deviation.
        lags: in frames of 10 ms; for each, the mean, median and 90 % quantile of the absolute change over that time.
        device: where the log-mel image is computed, as torch names it.
    """

    def __init__(self, bands: int, quantiles: Sequence[float], lags: Sequence[int], device: str = "cpu") -> None:
        if BANDS % bands:
            raise ValueError(f"{bands} bands; expected a divisor of {BANDS}")
        self.bands = bands
        self.quantiles = tuple(quantiles)
        self.lags = tuple(lags)
        self.shortest = HOP * max(self.lags, default=0) + 2
        self.front_end = KaldiLogMel().to(device)
        self.device = device

    @property
    def dimension(self) -> int:
        """Length of the vector."""
        return self.bands * (2 + len(self.quantiles) + 3 * len(self.lags))

    def __call__(self, waveform: Array) -> Array:
        """Describe one clip.

        Args:
            waveform: `(samples,)` at 32 kHz.

        Returns:
            Float32, shape `(dimension,)`.
        """
        peak = max(float(np.abs(waveform).max(initial=0)), _SILENCE)
        loud = np.pad(waveform / np.float32(peak), (0, max(self.shortest - len(waveform), 0)))
        with torch.inference_mode():
            image = self.front_end(torch.from_numpy(loud)[None].to(self.device))[0].cpu().numpy()
        level = image.reshape(self.bands, -1, image.shape[1]).mean(axis=1)
        rows = [level.mean(axis=1), level.std(axis=1), *np.quantile(level, self.quantiles, axis=1)]
        for lag in self.lags:
            change = np.abs(level[:, lag:] - level[:, :-lag])
            rows += [change.mean(axis=1), *np.quantile(change, (0.5, 0.9), axis=1)]
        return np.concatenate(rows).astype(np.float32)
