"""How fast clips are had: decode and resample against the bare libraries, and the second time against the first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio.clip import Clip
from harness.audio.decoding import decode
from harness.audio.store import PcmStore

RATE = 32_000
WORKERS = 2


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store decodes in as many threads as the bare libraries do."""
    monkeypatch.setattr("harness.audio.rounding.usable_cores", lambda: WORKERS)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """100 clips as Clotho's: 15 to 30 s, mono, 44.1 kHz, 16 bit."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(0)
    made = []
    for index in range(100):
        path = folder / f"{index}.wav"
        samples = 0.1 * random.standard_normal(round(44_100 * random.uniform(15, 30)))
        soundfile.write(path, samples, 44_100, subtype="PCM_16")
        made.append(Clip(path.name, path))
    return made


def in_threads(function: Callable[[Clip], object], clips: list[Clip]) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(lambda clip: function(clip) is None, clips):
            pass


def bare(clip: Clip) -> object:
    samples, rate = soundfile.read(clip.path, dtype="float32")
    return soxr.resample(samples, rate, RATE, quality="HQ")


@pytest.mark.benchmark(group="100 clips")
def test_bare_soundfile_and_soxr(benchmark: BenchmarkFixture, clips: list[Clip]) -> None:
    benchmark.pedantic(in_threads, (bare, clips), rounds=7, warmup_rounds=1)


@pytest.mark.benchmark(group="100 clips")
def test_decode(benchmark: BenchmarkFixture, clips: list[Clip]) -> None:
    benchmark.pedantic(in_threads, (lambda clip: decode(clip.path, RATE), clips), rounds=7, warmup_rounds=1)


@pytest.mark.benchmark(group="100 clips")
def test_store_first_time(benchmark: BenchmarkFixture, clips: list[Clip], tmp_path: Path) -> None:
    stores = (PcmStore(tmp_path / str(number), RATE) for number in range(10))

    def setup() -> tuple[tuple[PcmStore], dict[str, object]]:
        return (next(stores),), {}

    benchmark.pedantic(lambda store: store.ensure(clips), setup=setup, rounds=7, warmup_rounds=1)


@pytest.mark.benchmark(group="100 clips")
def test_store_second_time(benchmark: BenchmarkFixture, clips: list[Clip], tmp_path: Path) -> None:
    PcmStore(tmp_path, RATE).ensure(clips)

    def open_and_read() -> None:
        store = PcmStore(tmp_path, RATE)
        store.ensure(clips)
        in_threads(store.read, clips)

    benchmark.pedantic(open_and_read, rounds=7, warmup_rounds=1)
