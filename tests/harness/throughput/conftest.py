"""A small system and a small data set to measure."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.evaluation.preparing import PreparedTask, prepare
from harness.interface.system import SystemInfo
from harness.protocols.description import get_protocol
from harness.runs.measured_machine import Ceilings
from harness.runs.timing_samples import Effort
from harness.throughput import batch_size
from harness.throughput import benchmark as module
from harness.throughput.benchmark import SpeedOptions
from harness.throughput.cases.end_to_end import EndToEnd
from harness.throughput.cases.index import Index
from harness.throughput.cases.query import Query

SHORT = Effort(warm_ups=1, most_warm_up_seconds=0, iterations=3, seconds=0)
WORKLOADS = (Index(), Query("query", "a caption to clips", 1, (20, 300)), EndToEnd())


class Statistics:
    """Embeds by a few numbers of the waveform and of the letters."""

    info = SystemInfo(name="statistics", sample_rate=16_000, digest="5f" * 32)
    most = 1 << 30

    def embed_audio(self, clips):
        if len(clips) > self.most:
            raise MemoryError
        return np.stack([[clip.std(), np.abs(np.diff(clip)).mean(), 1] for clip in clips]).astype(np.float32)

    def embed_text(self, captions):
        return np.stack([[len(text), text.count(" "), 1] for text in captions]).astype(np.float32)


@pytest.fixture
def system() -> Statistics:
    return Statistics()


@pytest.fixture
def prepared(tones: Callable[..., Path]) -> PreparedTask:
    return prepare(get_protocol("folder"), tones(), 16_000)


@pytest.fixture
def options() -> SpeedOptions:
    return SpeedOptions(workloads=WORKLOADS, device="cpu", effort=SHORT)


@pytest.fixture
def ceilings(monkeypatch: pytest.MonkeyPatch) -> Ceilings:
    """Known ones, for those of the machine take seconds to measure."""
    known = Ceilings(device="cpu", precision="fp32", matrix_flops_per_second=1e11, read_bytes_per_second=1e10)
    monkeypatch.setattr(module, "measure_ceilings", lambda *_: known)
    monkeypatch.setattr(batch_size, "_SWEEP_SECONDS", 0)
    return known
