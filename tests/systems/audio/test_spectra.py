import numpy as np
import pytest
import torch

from systems.audio import spectra
from systems.audio.spectra import blocks_of, bounds_of, mel_power


@pytest.mark.parametrize(("length", "n_fft", "hop"), [(800, 1024, 320), (1024, 1024, 160), (6, 16, 4)])
@pytest.mark.parametrize("samples", [1023, 5000])
@pytest.mark.parametrize("at_once", [3, 256, "as on an accelerator"])
def test_the_same_as_of_whole_spectra_in_double_precision(monkeypatch, length, n_fft, hop, samples, at_once):
    if isinstance(at_once, int):
        monkeypatch.setattr(spectra, "_FRAMES_AT_ONCE", at_once)
    else:
        monkeypatch.setattr(spectra, "keeps_factors", lambda device: False)
    random = torch.Generator().manual_seed(0)
    signals = torch.rand(2, samples, generator=random) - 0.5
    window = torch.hann_window(length, periodic=False)
    bank = torch.rand(20, n_fft // 2 + 1, generator=random) * (torch.rand(20, 1, generator=random) > 0.3)
    spectrum = torch.stft(
        signals.double(), n_fft, hop, length, window.double(), center=True, pad_mode="reflect", return_complex=True
    )
    expected = bank.double() @ spectrum.abs().square()
    found = mel_power(signals, window, n_fft, hop, blocks_of(bank, bounds_of(bank)))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_blocks_leave_out_what_no_band_hears():
    bank = torch.zeros(20, 50)
    bank[3, 7:9] = 1
    bank[18, 40] = 1
    blocks = blocks_of(bank, bounds_of(bank))
    assert [(block.low, block.high, len(block.weights)) for block in blocks] == [(7, 9, 16), (40, 41, 4)]
    assert blocks[0].weights[3].tolist() == [1, 1, 1, 1]
    assert blocks[1].weights[2].tolist() == [1, 1]
