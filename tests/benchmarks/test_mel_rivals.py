"""The log-mel front end beside those that others use, per clip of 10 s, in turn in one run; read `extra_info`.

pytest tests/benchmarks/test_mel_rivals.py --benchmark-only
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from systems.audio.mel import BANDS, HOP, N_FFT, SAMPLE_RATE, WINDOW, KaldiLogMel


def kaldi(waveforms: NDArray[np.float32]) -> Callable[[], object]:
    fbank = pytest.importorskip("kaldi_native_fbank", reason="needs kaldi-native-fbank")
    options = fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.mel_opts.num_bins = BANDS

    def one(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        computer = fbank.OnlineFbank(options)
        computer.accept_waveform(SAMPLE_RATE, waveform)
        computer.input_finished()
        return np.stack([computer.get_frame(frame) for frame in range(computer.num_frames_ready)])

    return lambda: [one(waveform) for waveform in waveforms]


def librosa(waveforms: NDArray[np.float32]) -> Callable[[], object]:
    library = pytest.importorskip("librosa", reason="needs librosa")

    def all_at_once() -> object:
        power = library.feature.melspectrogram(
            y=waveforms, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP, win_length=WINDOW, n_mels=BANDS
        )
        return np.log(power + 1e-5)

    return all_at_once


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rival", [kaldi, librosa])
@pytest.mark.parametrize("clips", [1, 32])
def test_log_mel(
    benchmark: BenchmarkFixture, clips: int, rival: Callable[[NDArray[np.float32]], Callable[[], object]]
) -> None:
    waveforms = np.random.default_rng(0).uniform(-0.5, 0.5, (clips, 10 * SAMPLE_RATE)).astype(np.float32)
    other, front_end, ours = rival(waveforms), KaldiLogMel().eval(), torch.from_numpy(waveforms)
    others: list[float] = []

    def in_turn() -> None:
        begun = perf_counter()
        other()
        others.append(perf_counter() - begun)

    benchmark.group = f"log-mel of {clips} clips of 10 s"
    with torch.inference_mode():
        benchmark.pedantic(lambda: front_end(ours), setup=in_turn, rounds=9, warmup_rounds=2)
    assert benchmark.stats is not None
    benchmark.extra_info[f"share_of_{rival.__name__}"] = benchmark.stats.stats.min / min(others)
