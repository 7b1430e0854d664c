"""The store of decoded clips at the size of WavCaps: what opening it costs, and what a training step reads from it.

pytest tests/benchmarks/test_sample_store.py --benchmark-only

Two processes that read all of it need 5 GB of disk and a few minutes; without them: -m "not slow".
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
import soundfile
import xxhash
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio.clip import Array, Clip
from harness.audio.clip_index import ClipIndex, StoredClip, key_of
from harness.audio.rounding import Decoded
from harness.audio.sound_checks import Sound
from harness.audio.store import PcmStore
from harness.datasets import load
from harness.interface import load_system

CLIPS = 403_050
RATE = 32_000
STEP, SECONDS = 64, 10
SOURCES = [
    ("AudioSet_SL", "as", 108_317),
    ("BBC_Sound_Effects", "bbc", 31_201),
    ("FreeSound", "fsd", 262_300),
    ("SoundBible", "sb", 1_232),
]
_SHORT = 6_000
"""Samples of a clip: so few that all take 5 GB."""
_LINKS = 50_000
"""Names of one file; some file systems allow 65,000."""

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


_TIMED = """
import json, os, sys
from pathlib import Path
from time import perf_counter, process_time

root, rank = Path(sys.argv[1]), int(sys.argv[2])

def megabytes():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6

def timed(work):
    wall, processor = perf_counter(), process_time()
    found = work()
    return found, {"s": perf_counter() - wall, "s of a processor": process_time() - processor, "MB": megabytes()}
"""
_TRAINED = """
from harness.machine import silent
from systems.dual_encoder import TrainingConfig
from systems.training.data.batches import Batches
from systems.training.data.loading import load_training_data

config = TrainingConfig(data=["wavcaps"], validation="", batch=64)
data, planned = timed(lambda: load_training_data(config, root, silent).training_set)
assert len(data.clips) == len(data.captions) == 403_050
batches = Batches(data, [[1]] * len(data.captions), config, None, 0, rank, 2)
read, reading = timed(lambda: [clip for step in range(1_000) for clip in batches[step].draw.clips.tolist()])
print(json.dumps({"planned": planned, "read": reading, "clips": read}))
"""
_EVALUATED = """
from harness.evaluation import Clips, prepare, spread
from harness.interface import load_system
from harness.protocols import Protocol

PART = 800

def read(part):
    job, opening = timed(lambda: part.job(load_system("random"), None))
    return os.getpid(), opening, timed(lambda: [job.read(number) for number in range(job.count)])[1], job.count

prepared, planned = timed(lambda: prepare(Protocol("mine", "wavcaps", "train"), root, 32_000))
assert len(prepared.task.clips) == 403_050
clips = Clips.of("wavcaps", prepared.store, prepared.task.clips)
parts = (clips.part(start, start + PART) for start in range(0, 80 * PART, PART))
print(json.dumps({"planned": planned, "read": list(spread(read, parts, "local:2"))}))
"""


@pytest.fixture(scope="module")
def wavcaps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as WavCaps is unpacked, and a cache with the samples of all its clips in two files."""
    folder = tmp_path_factory.mktemp("wavcaps")
    random = np.random.default_rng(0)
    for source, short, count in SOURCES:
        listed = folder / "WavCaps" / "json_files" / source / f"{short}_final.json"
        audio = folder / "WavCaps" / "audio" / source
        listed.parent.mkdir(parents=True)
        audio.mkdir(parents=True)
        listed.write_text(json.dumps({"data": [{"id": str(one), "caption": f"sound {one}"} for one in range(count)]}))
        for one in range(count):
            if one % _LINKS == 0:
                original = audio / f"{one}.flac"
                soundfile.write(original, 0.1 * random.standard_normal(_SHORT), RATE, subtype="PCM_16")
            else:
                os.link(original, audio / f"{one}.flac")
    samples = random.integers(-9_999, 9_999, _SHORT).astype(np.int16)
    held = Decoded(samples, _SHORT, bytes(16), bytes(16), 0, Sound(0.5, 0.5, 0.5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_CACHE", str(folder / "cache"))
        store = PcmStore.of("wavcaps", RATE)
        store.folder.mkdir(parents=True)
        for clip in load("wavcaps", "train", folder).clips:
            store._keep(key_of(clip.path), held)
    assert len(list(store.folder.glob("*.int16"))) == 2
    yield folder
    shutil.rmtree(folder)


def _together(script: str, folder: Path, processes: int) -> list[dict[str, Any]]:
    """What each of some processes prints that run at the same time, with the cache in the folder."""
    environment = os.environ | {"LBAR_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    commands = [[sys.executable, "-c", _TIMED + script, str(folder), str(rank)] for rank in range(processes)]
    started = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True, env=environment) for one in commands]
    return [json.loads(process.communicate()[0]) for process in started]


def _say(what: str, clips: int, spent: dict[str, float]) -> None:
    rate = f"{clips / spent['s']:,.0f} clips/s, {clips / spent['s of a processor']:,.0f} a second of a processor"
    print(f"{what}: {rate}, at most {spent['MB']:,.0f} MB")  # noqa: T201


@pytest.mark.slow
@pytest.mark.benchmark(group="403,050 clips on a shared disk")
def test_two_processes_of_a_training(benchmark: BenchmarkFixture, wavcaps: Path) -> None:
    """Each plans all of it, with the search for evaluation clips, and reads its halves of 1,000 batches of 64."""
    both = benchmark.pedantic(_together, (_TRAINED, wavcaps, 2), rounds=1)
    for rank, one in enumerate(both):
        _say(f"process {rank} plans", CLIPS, one["planned"])
        _say(f"process {rank} reads", len(one["clips"]), one["read"])
        assert one["read"]["MB"] < 1_200
    clips = [clip for one in both for clip in one["clips"]]
    assert len(clips) == len(set(clips)) == 1_000 * STEP


@pytest.mark.slow
@pytest.mark.benchmark(group="403,050 clips on a shared disk")
def test_two_workers_of_an_evaluation(benchmark: BenchmarkFixture, wavcaps: Path) -> None:
    """One process plans all of it; the workers look the clips of a shard up, check what they are, and read them."""
    pytest.importorskip("distributed", reason="needs Dask (extra spread)")
    (found,) = benchmark.pedantic(_together, (_EVALUATED, wavcaps, 1), rounds=1)
    _say("the command plans", CLIPS, found["planned"])
    workers = {worker for worker, *_ in found["read"]}
    assert len(workers) == 2
    for worker in workers:
        own = [rest for one, *rest in found["read"] if one == worker]
        for what, number in ("opens", 0), ("reads", 1):
            spent = [one[number] for one in own]
            total = {name: sum(one[name] for one in spent) for name in ("s", "s of a processor")}
            largest = max(one["MB"] for one in spent)
            _say(f"worker {worker} {what} {len(own)} shards", sum(one[2] for one in own), total | {"MB": largest})
            assert largest < 400


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
