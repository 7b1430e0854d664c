"""How fast clips are had: decode, resample and keep beside the bare libraries, and the second time.

pytest tests/benchmarks/test_audio.py --benchmark-only
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from time import perf_counter, process_time

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
def test_first_time(benchmark: BenchmarkFixture, clips: list[Clip], tmp_path: Path) -> None:
    """In turn in each round, so that whatever else the machine does slows all of them; read `extra_info`.

    The store also checks and keeps what it decodes; the bare libraries keep nothing.
    """
    stores = (PcmStore(tmp_path / str(number), RATE) for number in count())
    works = {
        "bare": lambda: in_threads(bare, clips),
        "decode": lambda: in_threads(lambda clip: decode(clip.path, RATE), clips),
        "store": lambda: next(stores).ensure(clips),
    }
    ratios: dict[str, list[float]] = {}

    def in_turn() -> None:
        spent = {}
        for name, work in works.items():
            wall, processor = perf_counter(), process_time()
            work()
            spent[name] = perf_counter() - wall, process_time() - processor
        for name in ("decode", "store"):
            for clock, ours, theirs in zip(("clock", "processor"), spent[name], spent["bare"], strict=True):
                ratios.setdefault(f"{name}, times bare by the {clock}", []).append(ours / theirs)

    benchmark.pedantic(in_turn, rounds=9, warmup_rounds=1)
    for name, found in ratios.items():
        benchmark.extra_info[name] = float(np.median(found[1:]))


@pytest.mark.benchmark(group="100 clips")
def test_store_second_time(benchmark: BenchmarkFixture, clips: list[Clip], tmp_path: Path) -> None:
    PcmStore(tmp_path, RATE).ensure(clips)

    def open_and_read() -> None:
        store = PcmStore(tmp_path, RATE)
        store.ensure(clips)
        in_threads(store.read, clips)

    benchmark.pedantic(open_and_read, rounds=7, warmup_rounds=1)
