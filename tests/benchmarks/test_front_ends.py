"""How long a front end takes for a batch of 10 s clips: clip by clip, as on a processor, against all at once."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from systems.audio import atst_mel, mel
from systems.audio.atst_mel import AtstLogMel
from systems.audio.mel import KaldiLogMel


@pytest.mark.benchmark(group="front end, 32 clips of 10 s")
@pytest.mark.parametrize("front_end", [KaldiLogMel, AtstLogMel])
@pytest.mark.parametrize("at_once", [False, True], ids=["clip by clip", "all at once"])
def test_front_end(
    benchmark: BenchmarkFixture,
    monkeypatch: pytest.MonkeyPatch,
    front_end: type[KaldiLogMel | AtstLogMel],
    at_once: bool,
) -> None:
    if at_once:
        for module in (mel, atst_mel):
            monkeypatch.setattr(module, "within_cache", lambda compute, waveforms: compute(waveforms))
    compute, waveforms = front_end().eval(), torch.rand(32, 320_000) - 0.5
    with torch.inference_mode():
        benchmark.pedantic(lambda: compute(waveforms), rounds=5, warmup_rounds=1)
