import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from harness.cli.app import own_command
from harness.cli.search import index_recordings
from harness.errors import UserError
from harness.machine import cache_root
from harness.search import index_sounds, open_index, recordings
from harness.search.recordings import Header
from harness.search.searching_system import SearchingSystem
from harness.search.window_table import Database

TONES = {"a.wav": 300, "b.flac": 500, "within/c.ogg": 900}


@pytest.fixture
def sounds(record: Callable[..., Path]) -> Path:
    for name, pitch in TONES.items():
        record(name, [(2, pitch)])
    return Path("sounds")


def embedded() -> int:
    """How many windows the system was given."""
    return sum(map(int, Path("embedded.txt").read_text().split()))


def rows(index: str = "index") -> list[tuple[str, float]]:
    """File name and start of every window, as the database has them."""
    places = Database(index).tables()[0].places()
    return sorted((Path(places.files[file]).name, start) for file, start in zip(places.file, places.start, strict=True))


def test_a_second_run_takes_what_is_new_changed_or_gone(sounds: Path, record: Callable[..., Path]) -> None:
    done = index_sounds([sounds], "tone_system:Recorded", "index")
    assert (done.added, done.removed, done.kept, done.windows) == (3, 0, 0, 3)
    assert done.sound_seconds == pytest.approx(6)
    assert embedded() == 3
    done = index_sounds([sounds], "tone_system:Recorded", "index")
    assert (done.added, done.removed, done.kept) == (0, 0, 3)
    assert embedded() == 3
    record("new.wav", [(1, 700)])
    record("a.wav", [(3, 1200)])
    (sounds / "b.flac").unlink()
    done = index_sounds([sounds], "tone_system:Recorded", "index")
    assert (done.added, done.removed, done.kept, done.windows) == (2, 2, 1, 3)
    assert embedded() == 5
    assert [name for name, _ in rows()] == ["a.wav", "c.ogg", "new.wav"]
    assert Path(open_index("index").search("1200 hertz", top=1)["file"][0]).name == "a.wav"


def test_other_folders_and_other_systems_stay(sounds: Path, record: Callable[..., Path]) -> None:
    other = record("../other/d.wav", [(1, 400)]).parent
    index_sounds([sounds], "tone_system:Recorded", "index")
    index_sounds([other], "tone_system:Recorded", "index")
    index_sounds([sounds / "within"], "tone_system:ToneSystem", "index")
    assert {table.about.named: len(table) for table in Database("index").tables()} == {
        "tone_system:Recorded": 4,
        "tone_system:ToneSystem": 1,
    }


def test_names_formats_tags_and_broken_files(record: Callable[..., Path]) -> None:
    names = ["ü ö.wav", 'it\'s "so".flac', "😀.ogg", "f.mp3", "g.AIFF", "blank  blank.opus", "d@1.5.wav"]
    for number, name in enumerate(names):
        record(name, [(1, 300 + 200 * number)], rate=48_000, title=f"title of {number}", genre="rain, roof")
    Path("sounds/empty.wav").touch()
    Path("sounds/text.mp3").write_text("no sound")
    Path("sounds/.hidden.wav").write_text("no sound")
    os.mkfifo("sounds/pipe.wav")
    (Path("sounds").absolute() / os.fsdecode(b"\xff.wav")).write_bytes(Path("sounds/ü ö.wav").read_bytes())
    done = index_sounds(["sounds"], "tone_system:ToneSystem", "index")
    assert done.added == len(names)
    broken = {Path(file.strip("'")).name: why for file, why in done.broken.items()}
    assert sorted(broken) == ["\\udcff.wav", "empty.wav", "text.mp3"]
    assert "rename it" in broken["\\udcff.wav"]
    index = open_index("index")
    for number, name in enumerate(names):
        best = index.search(f"{300 + 200 * number} hertz", top=1).iloc[0]
        assert Path(best["file"]).name == name
        # AIFF has no field for a genre.
        assert best["title"] in (f"title of {number}", Path(name).stem)
    assert index.search("300", top=1)["tags"][0] == ["rain", "roof"]
    assert len(index.search("300", like="", top=20)) == len(names)
    assert Path(index.search(like="sounds/d@1.5.wav", top=1)["file"][0]).name != "d@1.5.wav"


@pytest.mark.parametrize("name", ["long.flac", "long.mp3"])
def test_a_place_in_a_long_recording_is_found(record: Callable[..., Path], name: str) -> None:
    pitches = np.geomspace(300, 2500, 40).astype(int)
    # Longer than what is decoded at once: it is read passage by passage.
    record(name, [(10, pitch) for pitch in pitches])
    index_sounds(["sounds"], "tone_system:ToneSystem", "index")
    index = open_index("index")
    assert len(index) == 79
    for number, pitch in enumerate(pitches.tolist()):
        best = index.search(f"{pitch} hertz", top=1).iloc[0]
        assert abs(best["start"] - 10 * number) <= 5
        assert best["end"] == best["start"] + 10
    # The last place begins in a passage that is entered in its middle.
    assert index.search(like=f"sounds/{name}@395", top=1).empty


def test_a_long_recording_that_is_broken_within_is_left_out(sounds: Path, record: Callable[..., Path]) -> None:
    whole = record("long.flac", [(50, 300), (50, 1200)])
    content = whole.read_bytes()
    middle = len(content) // 2
    (sounds / "broken.flac").write_bytes(content[:middle] + bytes(3_000) + content[middle + 3_000 :])
    done = index_sounds([sounds], "tone_system:ToneSystem", "index")
    assert [Path(file).name for file in done.broken] == ["broken.flac"]
    assert (done.added, done.windows) == (4, 3 + 19)
    assert done.sound_seconds == pytest.approx(106)


def test_what_cannot_be_looked_at_is_listed_and_not_gone(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_sounds([sounds], "tone_system:ToneSystem", "index")
    (sounds / "left.wav").symlink_to("right.wav")
    (sounds / "right.wav").symlink_to("left.wav")
    (sounds / "back").symlink_to("..")
    scandir = os.scandir

    def refusing(folder: Path) -> object:
        if folder.name == "within":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(folder)

    # Who is root may look everywhere.
    monkeypatch.setattr(os, "scandir", refusing)
    done = index_sounds([sounds], "tone_system:ToneSystem", "index")
    assert {Path(file).name: why for file, why in done.broken.items()} == {
        "left.wav": "Too many levels of symbolic links",
        "right.wav": "Too many levels of symbolic links",
        "within": "Permission denied",
    }
    assert (done.kept, done.removed, done.windows) == (2, 0, 3)


def test_what_goes_or_changes_meanwhile_is_taken_by_the_next_run(
    sounds: Path, record: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def header_of(file: str) -> Header:
        found = recordings.header_of(file)
        if file.endswith("b.flac"):
            Path(file).unlink()
        if file.endswith("a.wav"):
            record("a.wav", [(3, 1200)])
        return found

    with monkeypatch.context() as patch:
        patch.setattr("harness.search.indexing.header_of", header_of)
        done = index_sounds([sounds], "tone_system:ToneSystem", "index")
    assert list(done.broken.values()) == ["has gone since indexing began"]
    done = index_sounds([sounds], "tone_system:ToneSystem", "index")
    assert (done.added, done.removed, done.kept) == (1, 1, 1)
    assert [name for name, _ in rows()] == ["a.wav", "c.ogg"]
    assert open_index("index").search("1200 hertz", top=1)["end"][0] == 3


def test_what_cannot_be_indexed_is_said(sounds: Path) -> None:
    for system, message in {
        "tone_system:Pairs": "in a way of its own",
        "tone_system:Scored": "in a way of its own",
        "tone_system:Undigested": "set info.digest",
    }.items():
        with pytest.raises(UserError, match=message):
            index_sounds([sounds], system, "index")
    with pytest.raises(UserError, match="these are files; name the folders that they are in: .*a.wav"):
        index_sounds([sounds / "a.wav"], "tone_system:ToneSystem", "index")
    with pytest.raises(UserError, match="no folders"):
        index_sounds([sounds, "nothing"], "tone_system:ToneSystem", "index")
    Path("empty").mkdir()
    with pytest.raises(UserError, match="hold no recordings"):
        index_sounds(["empty"], "tone_system:ToneSystem", "index")
    Path("empty/a.wav").touch()
    with pytest.raises(UserError, match="none of 1 recordings") as error:
        index_sounds(["empty"], "tone_system:ToneSystem", "index")
    assert "is an empty file" in error.value.problems[0]
    with pytest.raises(UserError, match="index is a folder"):
        index_sounds([sounds], "tone_system:ToneSystem", "tone_system.py")


def test_what_a_failure_left_is_not_embedded_again(sounds: Path, record: Callable[..., Path]) -> None:
    record("long.wav", [(60, 300)])
    with pytest.raises(UserError, match="no luck today"):
        index_sounds([sounds], "tone_system:Failing", "index", batch_size=1)
    assert Database("index").tables() == []
    done = index_sounds([sounds], "tone_system:Failing", "index", batch_size=1)
    assert done.windows == len(rows()) == len(set(rows())) == 14
    import tone_system

    # Six before the failure, the failed one, and the rest.
    assert tone_system.Failing.seen == 15


def test_what_an_interruption_left_goes_also_where_it_was_no_longer_needed(
    sounds: Path, record: Callable[..., Path]
) -> None:
    record("long.wav", [(60, 300)])
    with pytest.raises(UserError, match="no luck today"):
        index_sounds([sounds], "tone_system:Failing", "index", batch_size=1)
    (sounds / "a.wav").unlink()
    kept = list(cache_root().rglob("rows.f32"))
    index_sounds([sounds], "tone_system:Failing", "index", batch_size=1)
    assert len(kept) == 1
    assert not kept[0].exists()
    assert len(open_index("index")) == 13


def test_another_state_of_the_system_makes_all_anew(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    index_sounds([sounds], "tone_system:ToneSystem", "index")
    import tone_system

    changed = replace(tone_system.ToneSystem.info, digest="tone-2")
    monkeypatch.setattr(tone_system.ToneSystem, "info", changed)
    with pytest.raises(UserError, match="in another state"):
        open_index("index")
    done = index_sounds([sounds / "within"], "tone_system:ToneSystem", "index")
    assert (done.added, done.windows) == (1, 1)
    assert len(open_index("index")) == 1


def test_an_index_that_holds_nothing_yet_says_so(sounds: Path) -> None:
    index_sounds([sounds], "tone_system:ToneSystem", "index")
    table = Database("index").tables()[0]
    # As a process leaves it that is killed before the first recordings are in.
    Database("index").create(table.about, table.width)
    with pytest.raises(UserError, match="holds no recordings yet; run `lbar index`"):
        open_index("index")
    assert index_sounds([sounds], "tone_system:ToneSystem", "index").added == 3


def test_an_index_whose_last_recordings_have_gone_is_empty(sounds: Path) -> None:
    index_sounds([sounds], "tone_system:ToneSystem", "index")
    for path in (path for path in sounds.rglob("*") if path.is_file()):
        path.write_bytes(b"")
    done = index_sounds([sounds], "tone_system:ToneSystem", "index")
    assert (done.removed, done.windows, len(done.broken)) == (3, 0, 3)


def slow_command(folder: str = "sounds", system: str = "Slow") -> list[str]:
    options = ["--system", f"tone_system:{system}", "--out", "index", "--device", "cpu"]
    return own_command("index", folder, *options)


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost_or_twice(sounds: Path, record: Callable[..., Path]) -> None:
    record("long.wav", [(40, 300)])
    for seconds in (2.5, 3.5, 4.5):
        process = subprocess.Popen(slow_command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(slow_command(), check=True, capture_output=True)
    assert rows() == sorted([("a.wav", 0), ("b.flac", 0), ("c.ogg", 0), *(("long.wav", 5.0 * k) for k in range(7))])


@pytest.mark.slow
def test_several_at_once_share_the_work(sounds: Path, record: Callable[..., Path]) -> None:
    record("../other/d.wav", [(1, 400)])
    commands = [slow_command(), slow_command(), slow_command("other"), slow_command(system="ToneSystem")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    slow, tone = sorted(Database("index").tables(), key=lambda table: table.about.name)
    assert sorted(Path(file).name for file in slow.states()) == ["a.wav", "b.flac", "c.ogg", "d.wav"]
    assert (len(slow), len(tone)) == (4, 3)
    assert embedded() == 4


DYING = """
import os, signal
from pathlib import Path
from tone_system import Recorded

class Dying(Recorded):
    def embed_audio(self, clips):
        if not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_audio(clips)
"""


def held(index: str) -> list[tuple[object, ...]]:
    """All that an index has of its windows, with the bytes of their vectors."""
    (table,) = Database(index).tables()
    places = table.places()
    vectors = np.concatenate(list(table.vectors()))
    rows = zip(places.file, places.start, places.end, vectors, strict=True)
    return sorted((places.files[file], start, end, vector.tobytes()) for file, start, end, vector in rows)


@pytest.mark.usefixtures("workers_end")
def test_workers_index_what_one_process_does_though_one_is_killed(
    sounds: Path, record: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.search.recordings._FEWEST_SECONDS", 3)
    record("long.wav", [(40, 300)])
    (sounds / "broken.wav").touch()
    Path("dying.py").write_text(DYING)
    Path("died").touch()
    alone = index_sounds([sounds], "dying:Dying", "alone")
    windows = embedded()
    Path("embedded.txt").unlink()
    Path("died").unlink()
    index_recordings([sounds], "dying:Dying", "spread", on="local:2", as_json=True)
    assert Path("died").exists()
    assert json.loads(capsys.readouterr().out) | {"took_seconds": 0} == asdict(alone) | {"took_seconds": 0}
    assert held("spread") == held("alone")
    # A killed worker loses what it was at, and what it had done that nobody had taken yet.
    assert windows <= embedded() <= windows + 10


def test_a_worker_without_the_recordings_says_so(sounds: Path) -> None:
    heard = SearchingSystem("tone_system:ToneSystem").hear(
        {str(sounds / "x.wav"): Header(1, "", ())}, {str(sounds / "x.wav"): ""}
    )
    with pytest.raises(UserError, match=r"there is no sounds/x\.wav; mount its folder there under the same path"):
        heard.require()
