"""What a person feeds the command by mistake: each is one clear line and an exit code, never a traceback."""

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.cli.app import main

Tones = Callable[..., Path]
RATE = 16000

SYSTEMS = """
import numpy as np
from tone_system import ToneSystem
from harness.interface.system import SystemInfo

class Counts(ToneSystem):
    def embed_audio(self, clips):
        return super().embed_audio(clips)[1:]

class Flat(ToneSystem):
    def embed_audio(self, clips):
        return super().embed_audio(clips).ravel()

class Whole(ToneSystem):
    def embed_audio(self, clips):
        return super().embed_audio(clips).astype(np.int64)

class NotANumber(ToneSystem):
    def embed_audio(self, clips):
        return np.full((len(clips), 64), np.nan, np.float32)

class Unequal(ToneSystem):
    def embed_text(self, captions):
        return super().embed_text(captions)[:, :32]

class Unfit(ToneSystem):
    def score(self, text, audio):
        return np.zeros((len(audio), len(text)), np.float32)

class Unscored(ToneSystem):
    def score(self, text, audio):
        raise RuntimeError("no score today")

class Quits(ToneSystem):
    def embed_audio(self, clips):
        raise SystemExit("gone")

class Talks(ToneSystem):
    def embed_audio(self, clips):
        print("loading")
        return super().embed_audio(clips)

class Nameless(ToneSystem):
    info = SystemInfo("", 16000)

class Demanding(ToneSystem):
    def __init__(self, weights):
        pass

class FailsLate(ToneSystem):
    info = SystemInfo("late", 16000, digest="late-1")
    embedded, mended = 0, False

    def embed_audio(self, clips):
        if FailsLate.embedded + len(clips) >= 700 and not FailsLate.mended:
            raise RuntimeError("no luck with clip 700")
        FailsLate.embedded += len(clips)
        return np.ones((len(clips), 2), np.float32)

    def embed_text(self, captions):
        return np.ones((len(captions), 2), np.float32)
"""


class Said:
    """What a command came to: its exit code, and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert "Traceback" not in out + err
        self.lines = err.splitlines()


Lbar = Callable[..., Said]


@pytest.fixture
def lbar(
    participant: Path,
    own_cache: Path,
    migrated_runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Lbar:
    """Runs the command in this process, in a folder that holds the systems above as `wrong`."""
    (participant / "wrong.py").write_text(SYSTEMS)
    monkeypatch.delitem(sys.modules, "wrong", raising=False)

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["lbar", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int), f"the command ended with {code!r}"
        return Said(code, captured.out, captured.err)

    return run


def evaluated(lbar: Lbar, system: str, root: Path, *more: object) -> Said:
    return lbar("eval", system, "--protocol", "folder", "--data-root", root, "--device", "cpu", *more)


def tone(path: Path, rate: int = RATE, channels: int = 1, pitch: int = 300, **how: str) -> None:
    wave = 0.5 * np.sin(2 * np.pi * pitch * np.arange(rate) / rate)
    soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), rate, **how)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def put_nan(path: Path) -> None:
    samples = np.zeros(RATE, np.float32)
    samples[100] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")


BROKEN = {
    "truncated": (truncate, "tone 0.wav is cut short: it holds "),
    "zero length": (lambda path: path.write_bytes(b""), "tone 0.wav is an empty file; "),
    "no audio": (lambda path: path.write_text("<html>"), "tone 0.wav cannot be read as audio "),
    "NaN": (put_nan, "tone 0.wav holds samples that are NaN or infinite; "),
    "missing": (Path.unlink, "tone 0.wav does not exist; "),
}


@pytest.mark.parametrize(("spoil", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_clip_stops_the_run_and_is_named(
    lbar: Lbar, tones: Tones, spoil: Callable[[Path], object], message: str
) -> None:
    root = tones()
    spoil(root / "tone 0.wav")
    said = evaluated(lbar, "tone_system:ToneSystem", root)
    assert said.code == 2
    assert len(said.lines) == 2
    assert message in said.lines[1]
    assert lbar("data", "verify", "folder", "--data-root", root).code == 1
    without = evaluated(lbar, "tone_system:ToneSystem", root, "--skip-broken", "--json")
    (record,) = json.loads(without.out)
    assert (without.code, record["comparable"]) == (0, False)
    assert [clip["clip"] for clip in record["skipped"]] == ["tone 0.wav"]


UNUSUAL = {
    "MP3 named .wav": {"format": "MP3"},
    "8 kHz": {"rate": 8000},
    "192 kHz": {"rate": 192_000},
    "six channels": {"channels": 6},
    "64 bit": {"subtype": "DOUBLE"},
}


@pytest.mark.parametrize("how", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_unusual_audio_is_heard_as_it_is(lbar: Lbar, tones: Tones, how: dict[str, object]) -> None:
    root = tones()
    tone(root / "tone 0.wav", **how)  # type: ignore[arg-type]
    said = evaluated(lbar, "tone_system:ToneSystem", root, "--json")
    assert said.code == 0, said.err
    (record,) = json.loads(said.out)
    assert record["measures"][0]["value"] == 1.0
    assert lbar("data", "verify", "folder", "--data-root", root).code == 0


def test_an_extra_clip_is_found_by_verify_and_does_not_matter_to_eval(lbar: Lbar, tones: Tones) -> None:
    root = tones()
    tone(root / "stray.wav")
    said = lbar("data", "verify", "folder", "--data-root", root)
    assert said.code == 1
    assert "stray.wav is a clip that the captions file does not list; it takes no part" in said.out
    assert evaluated(lbar, "tone_system:ToneSystem", root).code == 0


CAPTIONS = {
    "duplicate name": (b"file_name,caption_1\na.wav,x\na.wav,y\n", "'a.wav' is on line 2 and again on line 3"),
    "column missing": (b"file_name,text\na.wav,x\n", "column caption_1 is missing"),
    "empty caption": (b"file_name,caption\na.wav,\n", "line 2: 'a.wav' has no caption"),
    "not UTF-8": (b"file_name,caption\na.wav,caf\xe9\n", "(line 2) is 0xe9, which is not UTF-8"),
    "empty file": (b"", "the file is empty"),
    "no row": (b"file_name,caption\n", "no row below the header"),
}


@pytest.mark.parametrize(("content", "message"), CAPTIONS.values(), ids=CAPTIONS.keys())
def test_what_is_wrong_with_the_captions_is_one_line(lbar: Lbar, tmp_path: Path, content: bytes, message: str) -> None:
    root = tmp_path / "data"
    root.mkdir()
    tone(root / "a.wav")
    (root / "captions.csv").write_bytes(content)
    said = evaluated(lbar, "tone_system:ToneSystem", root)
    assert said.code == 2
    (line,) = said.lines
    assert message in line
    found = lbar("data", "verify", "folder", "--data-root", root)
    assert found.code == 1
    assert message in found.out


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("Counts", "embed_audio returned an array of shape (7, 64) for clips 0 to 7; expected (8, d)"),
        ("Flat", "embed_audio returned an array of shape (512,) for clips 0 to 7; expected (8, d)"),
        ("Whole", "embed_audio returned an array of type int64"),
        ("NotANumber", "embed_audio returned NaN or infinity"),
        ("Unequal", "64 numbers a clip, embed_text 32 a caption"),
        ("Unfit", "score returned"),
        ("Unscored", "score raised RuntimeError: no score today"),
        ("Quits", "gone"),
        ("Nameless", "info.name is ''"),
        ("Demanding", "could not be built: TypeError"),
    ],
)
def test_a_system_that_misbehaves_is_one_line(lbar: Lbar, tones: Tones, system: str, message: str) -> None:
    said = evaluated(lbar, f"wrong:{system}", tones(), "--json")
    assert said.code == 2
    (line,) = said.lines
    assert message in line
    json.loads(said.out)
    assert not list(Path("runs").glob("*/record.json"))


def test_what_a_system_prints_is_no_part_of_the_document(lbar: Lbar, tones: Tones) -> None:
    said = evaluated(lbar, "wrong:Talks", tones(), "--json")
    (record,) = json.loads(said.out)
    assert record["system"]["name"] == "tone"
    assert "loading" in said.err
    assert json.loads(lbar("check", "wrong:Talks", "--json").out) is not None


def test_a_failure_on_the_700th_clip_loses_none_before_it(lbar: Lbar, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    samples = np.random.default_rng(0).normal(0, 0.1, (800, 160))
    for index, clip in enumerate(samples):
        soundfile.write(root / f"{index}.wav", clip, RATE)
    rows = "".join(f"{index}.wav,clip number {index}\n" for index in range(800))
    (root / "captions.csv").write_text(f"file_name,caption\n{rows}")
    said = evaluated(lbar, "wrong:FailsLate", root, "--batch-size", 1)
    assert said.code == 2
    (line,) = said.lines
    assert "RuntimeError: no luck with clip 700" in line
    system = sys.modules["wrong"].FailsLate
    assert system.embedded == 699
    system.mended = True
    assert evaluated(lbar, "wrong:FailsLate", root, "--batch-size", 1).code == 0
    assert system.embedded == 800


def refuse(folder: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the operating system refuse every write below a folder of this name, also to root."""
    opened = Path.open

    def refusing(self: Path, mode: str = "r", *rest: object, **named: object) -> object:
        if folder in self.parts and set(mode) & set("wax+"):
            raise OSError(number, errno.errorcode[number], str(self))
        return opened(self, mode, *rest, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refusing)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full disk", "read-only cache"])
def test_a_cache_that_cannot_be_written_is_one_line_with_the_mend(
    lbar: Lbar, tones: Tones, own_cache: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    root = tones()
    refuse(own_cache.name, number, monkeypatch)
    said = evaluated(lbar, "tone_system:ToneSystem", root)
    assert said.code == 2
    (line,) = said.lines
    assert "LBAR_CACHE" in line
    assert not list(Path("runs").glob("*/record.json"))


def test_a_full_disk_under_the_runs_is_one_line_with_the_mend(
    lbar: Lbar, tones: Tones, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tones()
    refuse("runs", errno.ENOSPC, monkeypatch)
    said = evaluated(lbar, "tone_system:ToneSystem", root)
    assert said.code == 2
    (line,) = said.lines
    assert "--out" in line
    assert ".incomplete" not in line
    assert not [path for path in Path("runs").iterdir() if path.name.startswith(".incomplete")]
