"""Sounds are found where they are: in ten hours of one recording, and among ten thousand; read `extra_info`.

pytest tests/benchmarks/test_known_places.py --benchmark-only

Without --benchmark-only the same is done with few of them.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pytest_benchmark.fixture import BenchmarkFixture

from harness.audio import Array
from harness.cli.app import own_command
from harness.machine import in_bytes
from harness.search import index_sounds, open_index
from harness.search.windows import STEP

pytest.importorskip("lancedb", reason="needs LanceDB (extra search)")

SYSTEM = "tone_system:ChordSystem"
RATE = 8_000
PASSAGE = 10
EACH_M4A = 500
MOST_ASKED = 1_000
NAMES = ("{}.wav", "ä ö ü/{}.FLAC", "it's {}.ogg", 'the "{}" .mp3', "😀 {}.aiff", "blank  blank/100% {}_.opus")

Truth = dict[int, tuple[str, float]]
"""By the number of each sound, the recording it is in, and from which second on."""


@pytest.fixture(autouse=True)
def place(participant: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(participant)


def chord(number: int, seconds: int) -> Array:
    """The sound of a number; its pitches are whole numbers, so that every second is the same."""
    from tone_system import ChordSystem

    time = 2 * np.pi * np.arange(RATE) / RATE
    return np.tile(0.2 * np.sin(np.outer(ChordSystem.pitches(number), time)).sum(axis=0), seconds)


def write(path: Path, numbers: range, seconds: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
    with soundfile.SoundFile(path, "w", RATE, 1, **kind) as file:
        for number in numbers:
            file.write(chord(number, seconds))


def one_long(suffix: str, count: int) -> Truth:
    """One recording with sounds of ten seconds each."""
    name = f"sounds/ein länger'er “Klang”{suffix}"
    if suffix == ".m4a":
        write(Path("long.wav"), range(count), PASSAGE)
        Path(name).parent.mkdir()
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", "long.wav", "-aac_coder", "fast", name], check=True)
        Path("long.wav").unlink()
    else:
        write(Path(name), range(count), PASSAGE)
    return {number: (name, PASSAGE * number) for number in range(count)}


def many_short(count: int) -> Truth:
    """Recordings of a second each, in all formats that need no further program, and some as M4A where that is read."""
    truth = {}
    for number in range(count):
        name = f"sounds/{NAMES[number % len(NAMES)].format(number)}"
        write(Path(name), range(number, number + 1), 1)
        if number % EACH_M4A == 0 and shutil.which("ffmpeg"):
            name, written = f"sounds/{number} é.m4a", name
            subprocess.run(["ffmpeg", "-loglevel", "error", "-i", written, name], check=True)
            Path(written).unlink()
        truth[number] = (name, 0.0)
    return truth


def misplaced(truth: Truth) -> list[str]:
    """What is not found in its recording within the distance of two windows from where it is."""
    index = open_index("index", device="cpu")
    wrong = []
    for number in list(truth)[:: max(len(truth) // MOST_ASKED, 1)]:
        file, start = truth[number]
        best = index.search(f"the sound {number}", top=1).iloc[0]
        if best["file"] != str(Path(file).absolute()) or abs(best["start"] - start) > STEP:
            wrong.append(f"{number} in {file} at {start}: {best['file']} at {best['start']}")
    return wrong


with_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3", pytest.param(".m4a", marks=with_ffmpeg)])
def test_minutes_in_one_recording(suffix: str) -> None:
    truth = one_long(suffix, 36)
    # AAC ends a little later than what was encoded.
    assert index_sounds(["sounds"], SYSTEM, "index", device="cpu").windows == 71 + (suffix == ".m4a")
    assert misplaced(truth) == []


def test_some_short_recordings() -> None:
    truth = many_short(60)
    assert index_sounds(["sounds"], SYSTEM, "index", device="cpu").added == 60
    assert misplaced(truth) == []


@pytest.mark.parametrize(
    ("make", "count"),
    [
        pytest.param(lambda count: one_long(".flac", count), 3_600, id="ten hours in a FLAC file"),
        pytest.param(lambda count: one_long(".ogg", count), 3_600, id="ten hours in an Ogg file"),
        pytest.param(lambda count: one_long(".mp3", count), 3_600, id="ten hours in an MP3 file"),
        pytest.param(lambda count: one_long(".m4a", count), 3_600, id="ten hours in an M4A file", marks=with_ffmpeg),
        pytest.param(many_short, 10_000, id="ten thousand files"),
    ],
)
def test_many(benchmark: BenchmarkFixture, make: Callable[[int], Truth], count: int) -> None:
    truth = make(count)
    command = own_command("index", "sounds", "--system", SYSTEM, "--out", "index", "--device", "cpu", "--json")
    said: list[tuple[bytes, int]] = []

    def index() -> None:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            document = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        said.append((document, 1024 * usage.ru_maxrss))
        benchmark.extra_info["processor time in s"] = round(usage.ru_utime + usage.ru_stime)

    benchmark.pedantic(index, rounds=1)
    ((document, peak),) = said
    done = json.loads(document)
    wrong = misplaced(truth)
    benchmark.extra_info |= {
        "recordings, hours": f"{done['added']:,}, {done['sound_seconds'] / 3_600:.1f}",
        "windows": done["windows"],
        "took in s": round(done["took_seconds"]),
        "peak memory": in_bytes(peak),
        "asked, misplaced": f"{min(count, MOST_ASKED):,}, {len(wrong)}",
    }
    assert done["broken"] == {}
    assert wrong == []
