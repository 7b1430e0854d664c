"""The store of decoded clips at the size of WavCaps: what opening it costs, and what a training step reads from it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pytest
import soundfile
import xxhash
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio.clip import Array, Clip
from harness.audio.clip_index import ClipIndex, StoredClip
from harness.audio.sound_checks import Sound
from harness.audio.store import PcmStore
from harness.interface import load_system

CLIPS = 403_050
RATE = 32_000
STEP, SECONDS = 64, 10

_OPENED = """
import json, sys
from pathlib import Path
from time import perf_counter
import numpy, xxhash
from harness.audio.store import PcmStore

def megabytes(field):
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) * 1024 / 1e6

before = megabytes("VmRSS")
begun = perf_counter()
index = PcmStore(Path(sys.argv[1]), int(sys.argv[2]))._index
_, there = index.find([bytes(16), *(xxhash.xxh3_128_digest(b"%d" % number) for number in range(64))])
seconds = perf_counter() - begun
print(json.dumps({"seconds": seconds, "MB after": megabytes("VmRSS") - before, "MB": megabytes("VmHWM") - before}))
assert there.tolist() == [False] + 64 * [True]
"""


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of as many clips as WavCaps has."""
    folder = tmp_path_factory.mktemp("large")
    digests = (xxhash.xxh3_128_digest(b"%d" % number) for number in range(CLIPS))
    sound = Sound(0.5, 0.5, 0.5)
    entries = (
        StoredClip(digest, 10**6 * number, 10**5, digest, digest, 0, sound) for number, digest in enumerate(digests)
    )
    (folder / f"{RATE}hz.index").write_bytes(b"".join(entry.packed() for entry in entries))
    return folder


@pytest.mark.benchmark(group="store of 403,050 clips")
def test_opening(benchmark: BenchmarkFixture, large: Path) -> None:
    """In a process of its own, whose memory is measured: what the process has before it opens the store is left out."""
    found: list[dict[str, float]] = []

    def open_it() -> None:
        command = [sys.executable, "-c", _OPENED, str(large), str(RATE)]
        found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    benchmark.pedantic(open_it, rounds=5)
    measured = {name: min(one[name] for one in found) for name in found[0]}
    benchmark.extra_info |= measured
    print(measured)  # noqa: T201
    assert measured["seconds"] < 0.3
    assert measured["MB"] < 50


@pytest.mark.benchmark(group="store of 403,050 clips")
def test_looking_up_all(benchmark: BenchmarkFixture, large: Path) -> None:
    keys = [xxhash.xxh3_128_digest(b"%d" % number) for number in range(CLIPS)]
    _, there = benchmark.pedantic(ClipIndex(large / f"{RATE}hz.index").find, (keys,), rounds=3)
    assert there.all()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """As many clips as a step of training has, of 30 s."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(0)
    made = []
    for number in range(STEP):
        path = folder / f"{number}.wav"
        soundfile.write(path, 0.1 * random.standard_normal(30 * RATE), RATE, subtype="PCM_16")
        made.append(Clip(path.name, path))
    return made


@pytest.mark.benchmark(group="samples of a training step")
@pytest.mark.parametrize("part", ["10 of 30 s", "30 s"])
def test_reading_a_step(benchmark: BenchmarkFixture, clips: list[Clip], tmp_path: Path, part: str) -> None:
    store = PcmStore(tmp_path, RATE)
    store.ensure(clips)
    starts = np.random.default_rng(1).integers(0, 20 * RATE, STEP).tolist()

    def read() -> list[Array]:
        if part == "30 s":
            return [store.read(clip) for clip in clips]
        return [store.read(clip, start, SECONDS * RATE) for clip, start in zip(clips, starts, strict=True)]

    benchmark.pedantic(read, rounds=15, warmup_rounds=2)


@pytest.mark.benchmark(group="samples of a training step")
def test_plain_samples_without_a_check(benchmark: BenchmarkFixture, clips: list[Clip], tmp_path: Path) -> None:
    """The fastest there is to compare with: 30 s of samples that are mapped into memory, and made into floats."""
    store = PcmStore(tmp_path, RATE)
    store.ensure(clips)
    np.concatenate([store.read_pcm(clip) for clip in clips]).tofile(tmp_path / "plain")
    mapped = np.memmap(tmp_path / "plain", np.int16, "r", shape=(STEP, 30 * RATE)).view(np.ndarray)

    def read() -> list[Array]:
        waveforms = [clip.astype(np.float32) for clip in mapped]
        for waveform in waveforms:
            waveform *= np.float32(1 / 32768)
        return waveforms

    benchmark.pedantic(read, rounds=15, warmup_rounds=2)


@pytest.mark.benchmark(group="samples of a training step")
def test_a_passage_of_a_long_recording(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Ten seconds from the middle of an hour, which are read from its file and resampled."""
    path = tmp_path / "hour.flac"
    soundfile.write(path, np.random.default_rng(0).integers(-99, 99, 3_600 * 44_100).astype(np.int16), 44_100)
    clip, store = Clip(path.name, path), PcmStore(tmp_path / "store", RATE)
    store.ensure([clip])
    waveform = benchmark.pedantic(store.read, (clip, 1_234 * RATE, SECONDS * RATE), rounds=15)
    assert len(waveform) == SECONDS * RATE


@pytest.mark.benchmark(group="samples of a training step")
def test_the_share_of_the_checks_in_an_evaluation(
    benchmark: BenchmarkFixture, clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What checking costs, as a share of a second evaluation by one of the fastest systems: reading and embedding."""
    store, system = PcmStore(tmp_path, RATE), load_system("tiny-mn", device="cpu")
    store.ensure(clips)
    batch = clips[:16]

    def seconds(work: Callable[[], object]) -> float:
        def once() -> float:
            begun = process_time()
            work()
            return process_time() - begun

        return min(once() for _ in range(7))

    def read() -> list[Array]:
        return [store.read(clip) for clip in batch]

    evaluating = seconds(lambda: system.embed_audio(read()))
    checked = benchmark.pedantic(lambda: seconds(read), rounds=3)
    monkeypatch.setattr("harness.audio.sample_files._check", lambda block, key, index: bytes(block.obj[:8]))
    share = (checked - seconds(read)) / evaluating
    benchmark.extra_info["share"] = share
    print(f"checks take {share:.2%} of {evaluating:.2f} s")  # noqa: T201
    assert share < 0.05
