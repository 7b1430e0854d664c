from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from systems.audio.mel import KaldiLogMel, MelConfig, draw_edges, kaldi_mel_bank, masked
from systems.audio.spectra import blocks_of, bounds_of

ROUNDING = 2e-4
"""How far two computations in float32 may lie apart, where there is next to no power; processors differ in it."""


@pytest.fixture(scope="module")
def front_end() -> KaldiLogMel:
    return KaldiLogMel()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32))


def by_definition(waveform: NDArray[np.float64]) -> NDArray[np.float64]:
    """One clip, frame by frame and triangle by triangle, in float64."""
    emphasised = waveform[1:] - 0.97 * waveform[:-1]
    mirrored = np.pad(emphasised, 512, mode="reflect")
    window = np.zeros(1024)
    window[112:912] = np.hanning(800)
    frames = [mirrored[start : start + 1024] * window for start in range(0, len(emphasised) + 1, 320)]
    power = np.abs(np.fft.rfft(frames)) ** 2
    mels = 1127 * np.log(1 + np.arange(513) * 31.25 / 700)
    edges = np.linspace(0, 1127 * np.log(1 + 15_000 / 700), 130)
    bank = np.array([np.interp(mels, edges[band : band + 3], [0, 1, 0], 0, 0) for band in range(128)])
    return (np.log(bank @ power.T + 1e-5) + 4.5) / 5


@pytest.mark.shared
def test_golden_output_of_the_reference(shared: Path, front_end: KaldiLogMel) -> None:
    golden = np.load(shared / "golden" / "frontends.npz")
    waveform = torch.from_numpy(golden["x_int16"].astype(np.float32) / 32768)
    images = front_end(torch.stack([waveform, waveform * 1e-3])).numpy()
    np.testing.assert_allclose(images[0], golden["passt_mn_logmel"], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(images[1], golden["passt_logmel_x_times_1e_3"], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(front_end.bank, golden["kaldi_fb_128x513"], rtol=0, atol=3e-5)


@pytest.mark.parametrize("samples", [514, 1_000, 9_601, 32_000])
def test_the_definition(front_end: KaldiLogMel, samples: int) -> None:
    waveforms = noise(3, samples)
    images = front_end(waveforms)
    assert images.shape == (3, 128, 1 + (samples - 1) // 320)
    for image, waveform in zip(images, waveforms, strict=True):
        np.testing.assert_allclose(image, by_definition(waveform.double().numpy()), rtol=0, atol=1e-4)


@pytest.mark.parametrize("samples", [0, 1, 2, 320, 513])
def test_too_short_to_mirror_is_filled_with_zeros(front_end: KaldiLogMel, samples: int) -> None:
    waveform = noise(1, samples)
    filled = np.zeros(514)
    filled[:samples] = waveform[0].numpy()
    np.testing.assert_allclose(front_end(waveform)[0], by_definition(filled), rtol=0, atol=1e-4)


@pytest.mark.shared
def test_golden_output_of_the_reference_in_training(shared: Path, front_end: KaldiLogMel) -> None:
    golden = np.load(shared / "golden" / "frontends.npz")
    waveform = torch.from_numpy(golden["x_int16"].astype(np.float32) / 32768)
    bank = kaldi_mel_bank(128, 1024, 32_000, *golden["passt_train_fmin_fmax"])
    image = front_end.log_mel(waveform[None], blocks_of(bank, bounds_of(bank)))[0]
    np.testing.assert_allclose(image, golden["passt_train_logmel"], rtol=0, atol=ROUNDING)
    assert np.abs(front_end(waveform[None])[0].numpy() - golden["passt_train_logmel"]).max() > 0.01


def test_edges_jitter_in_training_only_and_on_request() -> None:
    waveforms = noise(2, 16_000)
    jittering = KaldiLogMel(edge_jitter=True)
    exact = KaldiLogMel()(waveforms)
    torch.testing.assert_close(jittering.eval()(waveforms), exact, rtol=0, atol=0)
    jittered = jittering.train()(waveforms, torch.Generator().manual_seed(1))
    bank = kaldi_mel_bank(128, 1024, 32_000, *draw_edges(torch.Generator().manual_seed(1)))
    torch.testing.assert_close(jittered, jittering.log_mel(waveforms, blocks_of(bank, bounds_of(bank))), rtol=0, atol=0)
    assert not torch.allclose(jittered, exact, atol=1e-2)
    torch.testing.assert_close(KaldiLogMel().train()(waveforms), exact, rtol=0, atol=0)


def test_edges_are_drawn_from_the_whole_range() -> None:
    generator = torch.Generator().manual_seed(0)
    lower, upper = zip(*(draw_edges(generator) for _ in range(2_000)), strict=True)
    assert set(lower) == set(range(10))
    assert min(upper) in range(14_001, 14_010)
    assert max(upper) in range(15_991, 16_001)


def test_edges_are_drawn_on_the_cpu_whatever_device_is_in_force() -> None:
    waveforms, jittering = noise(2, 16_000), KaldiLogMel(edge_jitter=True).train()
    edges = draw_edges(torch.Generator().manual_seed(1))
    jittered = jittering(waveforms, torch.Generator().manual_seed(1))
    with torch.device("meta"):
        assert draw_edges(torch.Generator().manual_seed(1)) == edges
        again = jittering(waveforms, torch.Generator().manual_seed(1))
    torch.testing.assert_close(again, jittered, rtol=0, atol=0)


def test_what_is_masked_in_training() -> None:
    waveforms = noise(64, 32_000)
    masking = KaldiLogMel(masked_bands=48, masked_frames=30)
    exact = masking.eval()(waveforms)
    torch.testing.assert_close(exact, KaldiLogMel()(waveforms), rtol=0, atol=0)
    images = masking.train()(waveforms, torch.Generator().manual_seed(0))
    hidden = images != exact
    assert (images[hidden] == 0.9).all()  # The logarithm of 1 is 0, and (0 + 4.5) / 5 its image.
    bands, frames = hidden.all(2), hidden.all(1)
    assert torch.equal(hidden, bands[:, :, None] | frames[:, None, :])
    for rows, most in ((bands, 48), (frames, 30)):
        widths = rows.sum(1)
        assert 0 <= widths.min() < most / 8
        assert 7 * most / 8 < widths.max() <= most
        starts = rows.int().argmax(1)
        assert all(row[start : start + width].all() for row, start, width in zip(rows, starts, widths, strict=True))
        assert len(starts.unique()) > 20
    assert torch.equal(masking(waveforms, torch.Generator().manual_seed(0)), images)


def test_an_image_can_be_masked_as_a_whole() -> None:
    images = masked(torch.zeros(200, 4, 3), 2, 50, torch.Generator().manual_seed(0))
    assert set((images == 0.9).all(1).sum(1).tolist()) == {0, 1, 2, 3}


def test_images_with_masks_are_not_kept() -> None:
    still = {"edge_jitter": False}
    assert MelConfig(**still).repeats_images
    for more in ({"masked_bands": 1}, {"masked_frames": 1}):
        assert not MelConfig(**still, **more).repeats_images
    assert not MelConfig().repeats_images


def test_silence_is_finite(front_end: KaldiLogMel) -> None:
    assert front_end(torch.zeros(1, 32_000)).isfinite().all()
    assert KaldiLogMel(edge_jitter=True)(torch.zeros(1, 0)).isfinite().all()


def test_float32_whatever_the_autocast(front_end: KaldiLogMel) -> None:
    waveforms = noise(2, 16_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image = front_end(waveforms)
        half = front_end(waveforms.bfloat16())
    assert image.dtype == half.dtype == torch.float32
    torch.testing.assert_close(image, front_end(waveforms), rtol=0, atol=0)
    torch.testing.assert_close(half, front_end(waveforms.bfloat16().float()), rtol=0, atol=0)


def test_nothing_of_it_is_in_a_checkpoint(front_end: KaldiLogMel) -> None:
    assert not front_end.state_dict()
    assert not list(front_end.parameters())
