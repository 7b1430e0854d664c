"""Indexing beside decoding and encoding alone, in turn, by the processor time of this process; read `extra_info`.

pytest tests/benchmarks/test_indexing.py --benchmark-only
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import process_time

import numpy as np
import pytest
import soundfile
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio import Array
from harness.audio.decoding import decode
from harness.evaluation.batches import FIRST_BATCH
from harness.interface import RetrievalSystem, build_system, look_at
from harness.search import index_sounds
from harness.search.windows import cut

pytest.importorskip("lancedb", reason="needs LanceDB (extra search)")

RATE = 44_100
MINUTES = {"linear": 30, "tags": 5}
"""Of sound, so many that it takes some seconds."""
SHAPES = ("clips of 10 s", "one recording")
ROUNDS = 3


@pytest.fixture(params=["linear", pytest.param("tags", marks=pytest.mark.shared)])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "tags":
        monkeypatch.setenv("LBAR_WEIGHTS", str(request.getfixturevalue("shared") / "weights"))
    if missing := look_at(request.param).missing:
        pytest.skip(f"needs {missing}")
    return str(request.param)


@pytest.fixture(params=SHAPES)
def sounds(request: pytest.FixtureRequest, system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "cache"))
    count, seconds = (6 * MINUTES[system], 10) if request.param == SHAPES[0] else (1, 60 * MINUTES[system])
    second = np.random.default_rng(0).normal(0, 0.05, RATE)
    for name, times in (("before/0", 1), *((f"sounds/{number}", seconds) for number in range(count))):
        path = tmp_path / f"{name}.flac"
        path.parent.mkdir(exist_ok=True)
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for number in range(times):
                file.write(np.roll(second, 1_000 * number))
    return tmp_path / "sounds"


def alone(system: RetrievalSystem, folder: Path) -> None:
    """Decode the recordings and encode their windows, in the batches in which they are indexed."""
    rate = system.info.sample_rate

    def windows() -> Iterator[Array]:
        for file in sorted(folder.iterdir()):
            samples = decode(file, rate)
            yield from (window for _, window in cut([samples], rate))

    all_of_them = windows()
    while batch := list(islice(all_of_them, FIRST_BATCH)):
        system.embed_audio(batch)


def seconds(call: Callable[[], object]) -> float:
    gc.collect()
    begun = process_time()
    call()
    return process_time() - begun


def test_indexing(benchmark: BenchmarkFixture, sounds: Path, system: str, request: pytest.FixtureRequest) -> None:
    # Whoever indexes builds the system as well, and the captions that all answers are compared with are embedded once.
    index_sounds([sounds.parent / "before"], system, sounds.parent / "before.index", device="cpu")
    times: Sequence[list[float]] = ([], [])

    def in_turn() -> None:
        times[0].append(seconds(lambda: alone(build_system(system, device="cpu").system, sounds)))
        out = sounds.parent / f"{len(times[1])}.index"
        times[1].append(seconds(lambda: index_sounds([sounds], system, out, device="cpu")))

    benchmark.group = f"indexing, {request.node.callspec.id}"
    benchmark.pedantic(in_turn, rounds=ROUNDS)
    bare, indexed = (float(np.median(some)) for some in times)
    benchmark.extra_info |= {
        "decoding and encoding alone, s of processor time": f"{bare:.2f}",
        "indexing, s of processor time": f"{indexed:.2f}",
        "overhead": f"{indexed / bare - 1:+.1%}",
    }
