from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from systems.audio.atst_mel import AtstLogMel, halving_kernel
from systems.audio.spectra import blocks_of, bounds_of


@pytest.fixture(scope="module")
def front_end() -> AtstLogMel:
    return AtstLogMel()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32))


def halved_by_definition(waveform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sample by sample, in float64."""
    places = np.arange(-13, 15) / 2 * 0.99
    kernel = np.where(np.abs(places) < 6, np.sinc(places) * np.cos(places * np.pi / 12) ** 2 * 0.99 / 2, 0)
    filled = np.pad(waveform, (13, 15))
    return np.array([kernel @ filled[start : start + 28] for start in range(0, len(waveform), 2)])


def by_definition(waveform: NDArray[np.float64]) -> NDArray[np.float64]:
    """One window, frame by frame and triangle by triangle, in float64."""
    halved = halved_by_definition(waveform)
    mirrored = np.pad(np.pad(halved, (0, max(513 - len(halved), 0))), 512, mode="reflect")
    window = np.hanning(1025)[:1024]
    frames = [mirrored[start : start + 1024] * window for start in range(0, len(mirrored) - 1023, 160)]
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7_800 / 700), 66)
    corners = 700 * (10 ** (edges / 2595) - 1)
    hertz = np.arange(513) * 15.625
    bank = np.array([np.interp(hertz, corners[band : band + 3], [0, 1, 0], 0, 0) for band in range(64)])
    decibels = 10 * np.log10(np.maximum(bank @ power.T, 1e-10))
    return (np.clip(np.maximum(decibels, decibels.max() - 80), -50, 80) + 79.6482) / 130.3324 * 2 - 1


@pytest.mark.shared
def test_golden_output_of_the_reference(shared: Path, front_end: AtstLogMel) -> None:
    golden = np.load(shared / "golden" / "frontends.npz")
    waveform = torch.from_numpy(golden["x_int16"].astype(np.float32) / 32768)
    pair = torch.stack([waveform, waveform * 1e-3])
    halved = front_end.halve(pair[:1])
    np.testing.assert_allclose(halving_kernel(), golden["atst_resample_kernel"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(halved[0], golden["atst_x16k"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(front_end.bank.T, golden["atst_htk_fb_513x64"], rtol=0, atol=3e-5)
    np.testing.assert_allclose(
        front_end.mel(halved, blocks_of(front_end.bank, bounds_of(front_end.bank)))[0],
        golden["atst_mel_power"],
        rtol=1e-4,
        atol=0,
    )
    np.testing.assert_allclose(front_end(pair)[0], golden["atst_input"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(front_end(pair)[1], golden["atst_quiet_alone_input"], rtol=0, atol=1e-4)
    published = AtstLogMel("batch")
    np.testing.assert_allclose(published(pair), golden["atst_pair_input"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(published(pair[1:])[0], golden["atst_quiet_alone_input"], rtol=0, atol=1e-4)
    assert np.abs(golden["atst_pair_input"][1] - golden["atst_quiet_alone_input"]).max() > 0.1


@pytest.mark.parametrize("samples", [0, 1, 2, 63, 64, 65, 321, 1_023, 1_024, 1_026, 9_601, 32_000])
def test_the_definition(front_end: AtstLogMel, samples: int) -> None:
    # From loud to quiet within each, so that the cut at 80 dB and both clamps matter.
    waveforms = noise(2, samples) * torch.logspace(0, -6, samples)
    halved, images = front_end.halve(waveforms), front_end(waveforms)
    assert halved.shape == (2, (samples + 1) // 2)
    assert images.shape == (2, 64, 1 + max(samples + 1, 1_026) // 320)
    for index, waveform in enumerate(waveforms.double().numpy()):
        np.testing.assert_allclose(halved[index], halved_by_definition(waveform), rtol=0, atol=1e-6)
        np.testing.assert_allclose(images[index], by_definition(waveform), rtol=0, atol=1e-4)


def test_batch_mates_do_not_matter(front_end: AtstLogMel) -> None:
    quiet, loud = noise(1, 32_000) * 1e-3, noise(1, 32_000, seed=1)
    torch.testing.assert_close(front_end(torch.cat([loud, quiet]))[1:], front_end(quiet), rtol=0, atol=1e-6)


@pytest.mark.parametrize("scope", ["window", "batch"])
def test_silence_is_finite(scope: str) -> None:
    image = AtstLogMel(scope)(torch.zeros(2, 32_000))
    torch.testing.assert_close(image, torch.full_like(image, (-50 + 79.6482) / 130.3324 * 2 - 1))


def test_float32_whatever_the_autocast(front_end: AtstLogMel) -> None:
    waveforms = noise(2, 16_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image = front_end(waveforms)
        half = front_end(waveforms.bfloat16())
    assert image.dtype == half.dtype == torch.float32
    torch.testing.assert_close(image, front_end(waveforms), rtol=0, atol=0)
    torch.testing.assert_close(half, front_end(waveforms.bfloat16().float()), rtol=0, atol=0)


def test_nothing_of_it_is_in_a_checkpoint(front_end: AtstLogMel) -> None:
    assert not front_end.state_dict()
    assert not list(front_end.parameters())
