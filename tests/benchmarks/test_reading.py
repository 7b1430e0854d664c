"""How long a device waits for clips: an invented one, which computes nothing but takes its time; read `extra_info`.

At the speed of full-size PaSST on an H200 (2,800 clips of 30 s a second, by its operations) and at a tenth of it.

pytest tests/benchmarks/test_reading.py --benchmark-only
"""

from collections.abc import Sequence
from time import perf_counter, sleep

import numpy as np
import pytest
import soundfile
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio.clip import Array, Clip
from harness.audio.store import PcmStore
from harness.evaluation.batches import FIRST_BATCH, EmbeddingJob
from harness.machine import keep_freed_memory

RATE, SECONDS, CLIPS = 32_000, 30, 64


class Device:
    """Takes so many clips a second, and notes how long it waits for each batch but the first two.

    Only from the second batch on it is known that a core is idle, and the next is read ahead.
    """

    def __init__(self, clips_per_second: float) -> None:
        self.clips_per_second = clips_per_second
        self.ended: list[float] = []
        self.waited = 0.0

    def __call__(self, clips: Sequence[Array]) -> Array:
        if len(self.ended) > 1:
            self.waited += perf_counter() - self.ended[-1]
        # A device computes beside Python, as sleeping is.
        sleep(len(clips) / self.clips_per_second)
        self.ended.append(perf_counter())
        return np.ones((len(clips), 1), np.float32)

    @property
    def share_waited(self) -> float:
        """Of the time from the second batch to the end."""
        return self.waited / (self.ended[-1] - self.ended[1])


@pytest.fixture(scope="module")
def store_and_clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[PcmStore, list[Clip]]:
    # As every dual encoder does.
    keep_freed_memory()
    folder, random, clips = tmp_path_factory.mktemp("clips"), np.random.default_rng(0), []
    for number in range(CLIPS):
        path = folder / f"{number}.wav"
        soundfile.write(path, 0.1 * random.standard_normal(SECONDS * RATE), RATE, subtype="PCM_16")
        clips.append(Clip(path.name, path))
    store = PcmStore(folder / "store", RATE)
    store.ensure(clips)
    return store, clips


@pytest.mark.benchmark(group="a device waits for clips")
@pytest.mark.parametrize("clips_per_second", [2_800, 280])
@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_how_long_a_device_waits(
    benchmark: BenchmarkFixture, store_and_clips: tuple[PcmStore, list[Clip]], kind: str, clips_per_second: int
) -> None:
    store, clips = store_and_clips
    read = store.read_pcm if kind == "int16" else store.read
    shares = []

    def embed() -> None:
        device = Device(clips_per_second)
        count = 16 * FIRST_BATCH
        job = EmbeddingJob("device", "clip", count, lambda index: read(clips[index % CLIPS]), device)
        for _ in job.batches(np.zeros((0, 0), np.float32)):
            pass
        shares.append(device.share_waited)

    benchmark.pedantic(embed, rounds=5, warmup_rounds=1)
    benchmark.extra_info["share of the time that the device waits"] = float(np.median(shares))
