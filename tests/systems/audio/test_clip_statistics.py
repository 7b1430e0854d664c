import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from systems.audio.clip_statistics import ClipStatistics
from systems.audio.mel import KaldiLogMel

LAGS = (1, 3, 10, 30)


@pytest.fixture(scope="module")
def describe() -> ClipStatistics:
    return ClipStatistics(32, (0.1, 0.5, 0.9), LAGS)


def noise(samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def test_the_definition(describe: ClipStatistics) -> None:
    waveform = noise(20_000)
    image = KaldiLogMel()(torch.from_numpy(waveform / np.abs(waveform).max())[None])[0].double().numpy()
    bands = [np.mean(image[4 * band : 4 * band + 4], axis=0) for band in range(32)]
    rows = [[np.mean(band) for band in bands], [np.std(band) for band in bands]]
    rows += [[np.quantile(band, quantile) for band in bands] for quantile in (0.1, 0.5, 0.9)]
    for lag in LAGS:
        changes = [[abs(late - early) for early, late in zip(band, band[lag:], strict=False)] for band in bands]
        rows += [[np.mean(change) for change in changes]]
        rows += [[np.quantile(change, quantile) for change in changes] for quantile in (0.5, 0.9)]
    found = describe(waveform)
    assert found.dtype == np.float32
    assert found.shape == (describe.dimension,)
    np.testing.assert_allclose(found, np.concatenate(rows), atol=1e-5)


def test_level_does_not_matter(describe: ClipStatistics) -> None:
    waveform = noise(20_000)
    np.testing.assert_allclose(describe(waveform * np.float32(0.01)), describe(waveform), atol=1e-4)


@pytest.mark.parametrize("samples", [0, 1, 320, 9_000])
def test_a_very_short_clip_counts_as_followed_by_silence(describe: ClipStatistics, samples: int) -> None:
    found = describe(noise(samples))
    assert np.isfinite(found).all()
    followed = np.concatenate([noise(samples), np.zeros(describe.shortest - samples, np.float32)])
    np.testing.assert_array_equal(found, describe(followed))


def test_silence_is_described(describe: ClipStatistics) -> None:
    found = describe(np.zeros(32_000, np.float32)).reshape(-1, 32)
    np.testing.assert_allclose(found[0], (np.log(1e-5) + 4.5) / 5, rtol=1e-5)
    np.testing.assert_array_equal(found[-12:], 0)


def test_bands_must_divide() -> None:
    with pytest.raises(ValueError, match="divisor of 128"):
        ClipStatistics(33, (), ())
