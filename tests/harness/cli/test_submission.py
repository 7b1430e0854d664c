"""The verbs as a person meets them: what they print, where, and their exit codes."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from harness.cli.app import build
from harness.submission.editions import profiles

Lbar = Callable[..., Result]


@pytest.fixture
def lbar(participant: Path, own_cache: Path, migrated_runs: Path) -> Lbar:
    app, runner = build(), CliRunner()

    def run(*arguments: object) -> Result:
        done = runner.invoke(app, [str(argument) for argument in arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        assert "Traceback" not in done.output
        return done

    return run


@pytest.fixture
def queries(world: Any, tmp_path: Path) -> tuple[str, Path, str, Path]:
    """Options that tell the validator of the world's queries and clips."""
    (tmp_path / "clips").mkdir()
    for clip in world.expected.clips:
        (tmp_path / "clips" / clip).touch()
    (tmp_path / "queries.csv").write_bytes(world.csv([["caption"], *([text] for text in world.expected.queries)]))
    return "--queries", tmp_path / "queries.csv", "--audio", tmp_path / "clips"


def test_validate_a_sound_package(lbar: Lbar, world: Any, queries: tuple[object, ...]) -> None:
    path = world.zip(world.files("dcase2024"))
    done = lbar("validate", path, "--profile", "dcase2024", *queries)
    assert done.exit_code == 0
    assert done.stdout == "Muestermann_ABC.zip: valid for dcase2024: 0 errors, 0 warnings\n"
    document = json.loads(lbar("validate", path, "--profile", "dcase2024", *queries, "--json").stdout)
    assert (document["valid"], document["findings"]) == (True, [])


def test_warnings_leave_it_valid(lbar: Lbar, world: Any) -> None:
    done = lbar("validate", world.zip(world.files("dcase2024"), "x.zip"), "--profile", "dcase2024")
    assert done.exit_code == 0
    assert "warning P025  x.zip" in done.stdout
    assert "captions and names of clips were not compared with anything" in done.stdout


def test_errors_are_exit_code_1(lbar: Lbar, world: Any, queries: tuple[object, ...]) -> None:
    files = world.files("dcase2024")
    name = next(name for name in files if name.endswith(".csv"))
    files[name] = files[name].replace(b"rain.wav", b"snow.wav")
    path = world.zip(files)
    done = lbar("validate", path, "--profile", "dcase2024", *queries)
    assert done.exit_code == 1
    assert "error R007" in done.stdout
    document = json.loads(lbar("validate", path, "--profile", "dcase2024", *queries, "--json").stdout)
    assert (document["valid"], document["findings"][0]["code"]) == (False, "R007")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", "absent.zip", "--profile", "dcase2024"], "absent.zip does not exist"),
        (["validate", "x.csv", "--profile", "dcase1999"], "unknown profile 'dcase1999'; known are dcase2022"),
        (["validate", "x.csv", "--profile", "dcase2024", "--protocol", "p", "--queries", "q.csv"], "leave out"),
        (["submit", "--profile", "dcase2024"], "no run is named"),
        (["eval", "random", "--audio", "nowhere"], "a hidden set is named by both --audio DIR and --queries FILE"),
        (["eval", "random", "--profile", "dcase1999"], "unknown profile 'dcase1999'"),
        (["score", "absent.zip", "--protocol", "everyday"], "absent.zip does not exist"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(lbar: Lbar, arguments: list[str], message: str) -> None:
    done = lbar(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_fix_writes_a_copy_and_lists_each_repair(lbar: Lbar, world: Any, queries: tuple[object, ...]) -> None:
    content = world.csv(world.rows_of("dcase2024"))
    path = Path("x.output.csv")
    path.write_bytes(content.replace(b"Radio .wav", b"Radio.wav"))
    done = lbar("validate", path, "--profile", "dcase2024", *queries, "--fix")
    assert done.exit_code == 0
    count = content.count(b"Radio .wav")
    assert done.stdout.count("mended x.output.csv, line") == min(count, 5)
    assert "name: 'Edit Radio.wav' is now 'Edit Radio .wav'" in done.stdout
    assert Path("x.output.fixed.csv").read_bytes() == content
    again = lbar("validate", path, "--profile", "dcase2024", *queries, "--fix")
    assert (again.exit_code, "stays as it is" in again.stderr) == (2, True)
    document = json.loads(
        lbar("validate", "x.output.fixed.csv", "--profile", "dcase2024", *queries, "--fix", "--json").stdout
    )
    assert (document["fixed"], document["repairs"], document["valid"]) == (None, [], True)


def fill_in(meta: Path) -> None:
    """Replace the template's placeholders."""
    text = meta.read_text(encoding="utf-8")
    for old, new in (
        ("lastname: Lastname", "lastname: Muster"), ("Firstname", "Maxi"), ("name@institute.org", "m@example.org"),
        ("abbreviation: INST", "abbreviation: ABC"), ("Name of the Institute", "A"), ("City, Country", "Linz, Austria"),
        ("Lastname_INST", "Muster_ABC"),
    ):  # fmt: skip
        text = text.replace(old, new)
    meta.write_text(text, encoding="utf-8")


NEXT_EDITION = """\
base: dcase2024
name: next
task: "9"
protocol: folder
columns: [query, "best_{rank}"]
depth: 3
results: {section: development_testing, measures: [R@1]}
"""


@pytest.mark.parametrize("profile", ["next", "mine.yaml"])
def test_the_next_edition_is_one_file(
    lbar: Lbar, tones: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    """Whether it lies beside those that come with lbar, or is a person's own."""
    if profile == "next":
        shutil.copytree(profiles.editions()["dcase2024"].parent, tmp_path / "editions")
        (tmp_path / "editions" / "next.yaml").write_text(NEXT_EDITION)
        monkeypatch.setattr(profiles, "files", lambda _: tmp_path / "editions")
    else:
        Path(profile).write_text(NEXT_EDITION)
    data = ("--data-root", tones((300, 420, 600, 800)))
    arguments = ("--protocol", "folder", *data)
    assert lbar("eval", "tone_system:ToneSystem", "--device", "cpu", "--profile", profile, *arguments).exit_code == 0
    (run,) = (path.parent for path in Path("runs").glob("*/record.json"))
    assert lbar("submit", "--init", "--profile", profile).exit_code == 0
    fill_in(Path("meta.yaml"))
    Path("report.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    done = lbar("submit", run, "--profile", profile, *data)
    assert done.stdout.splitlines()[-1] == "Muster_ABC.zip: Muster_ABC_task9_1", done.output
    package = zipfile.ZipFile("Muster_ABC.zip")
    output = package.read("task9/Muster_ABC_task9_1/Muster_ABC_task9_1.output.csv")
    assert output.startswith(b"query,best_1,best_2,best_3\n")
    validated = lbar("validate", "Muster_ABC.zip", "--profile", profile, *arguments)
    assert "Muster_ABC.zip: valid for next: 0 errors" in validated.stdout
    assert "Muster_ABC_task9_1: R@1 1.0000" in validated.stdout
    named = () if profile == "next" else ("--profile", profile)
    score = json.loads(lbar("score", "Muster_ABC.zip", *arguments, *named, "--json").stdout)
    assert score["packages"][0]["systems"][0]["measures"][0]["value"] == 1.0


def test_from_a_template_to_a_package(lbar: Lbar, tones: Callable[..., Path]) -> None:
    root = tones((300, 420, 600, 800, 1100, 1500, 2000, 2300, 2600, 2800, 2900))
    evaluated = lbar("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", root, "--device", "cpu")
    assert evaluated.exit_code == 0
    (run,) = (path.parent for path in Path("runs").glob("*/record.json"))
    assert lbar("submit", "--init", "--profile", "dcase2024").exit_code == 0
    again = lbar("submit", "--init", "--profile", "dcase2024")
    assert (again.exit_code, "meta.yaml is there already and stays as it is" in again.stderr) == (2, True)
    refused = lbar("submit", run, "--profile", "dcase2024", "--data-root", root)
    assert (refused.exit_code, "expected your own" in refused.stderr) == (2, True)

    text = Path("meta.yaml").read_text(encoding="utf-8").replace("Lastname_INST", "Muster_ABC")
    Path("meta.yaml").write_text(text, encoding="utf-8")
    Path("report.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    unfilled = lbar("submit", run, "--profile", "dcase2024", "--data-root", root)
    assert unfilled.exit_code == 1
    assert "error M016" in unfilled.stdout
    assert "no package was written" in unfilled.stderr
    assert not list(Path().glob("*.zip"))

    fill_in(Path("meta.yaml"))
    done = lbar("submit", run, "--profile", "dcase2024", "--data-root", root)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "Muster_ABC.zip: Muster_ABC_task8_1"
    assert "Muster_ABC_task8_1: mAP@10 1.0000" in done.stdout
    document = json.loads(lbar("submit", run, "--profile", "dcase2024", "--data-root", root, "--json").stdout)
    assert (document["package"], document["labels"]) == ("Muster_ABC.zip", ["Muster_ABC_task8_1"])
    assert len(zipfile.ZipFile("Muster_ABC.zip").namelist()) == 3

    score = lbar("score", "Muster_ABC.zip", "Muster_ABC.zip", "--protocol", "folder", "--data-root", root)
    assert score.exit_code == 0
    assert "mAP@10 +0.0000   95 % +0.0000 to +0.0000; better on 0 queries, worse on 0" in score.stdout
    scored = json.loads(lbar("score", "Muster_ABC.zip", "--protocol", "folder", "--data-root", root, "--json").stdout)
    assert scored["packages"][0]["systems"][0]["measures"][0]["value"] == 1.0
    assert scored["differences"] == []


def test_a_hidden_set_from_the_command_line(lbar: Lbar, tones: Callable[..., Path]) -> None:
    root = tones()
    Path("captions.csv").write_text("caption\na tone of 800 hertz\na tone of 300 hertz\n")
    done = lbar(
        "eval", "tone_system:ToneSystem", "--audio", root, "--queries", "captions.csv", "--device", "cpu",
        "--profile", "dcase2025",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    folder = Path(done.stdout.strip())
    assert (folder / "tone.output.csv").read_text().startswith("index,tone 0.wav,tone 1.wav")
    assert json.loads((folder / "prediction.json").read_text())["queries"] == [
        "a tone of 800 hertz", "a tone of 300 hertz",
    ]  # fmt: skip
    assert not list(Path("runs").glob("*/record.json"))
    assert lbar("board").exit_code == 0
    assert lbar("track").exit_code == 0
    (root / "broken.wav").write_text("no sound")
    broken = lbar("eval", "tone_system:ToneSystem", "--audio", root, "--queries", "captions.csv", "--device", "cpu")
    assert broken.exit_code == 2
    assert "1 of 9 clips are broken or missing" in broken.stderr


def test_predictions_in_another_format_are_another_run(lbar: Lbar, tones: Callable[..., Path]) -> None:
    root = tones()
    arguments = ("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", root, "--device", "cpu")
    lbar(*arguments)
    lbar(*arguments, "--profile", "dcase2025")
    assert "evaluated before" in lbar(*arguments, "--profile", "dcase2025").stderr
    headers = sorted(path.read_text().partition(",")[0] for path in Path("runs").glob("*/tone.output.csv"))
    assert headers == ["caption", "index"]


def test_an_output_of_another_data_set_is_one_error_and_its_json_has_everything(
    lbar: Lbar, tones: Callable[..., Path]
) -> None:
    root = tones((300, 420, 600, 800, 1100, 1500, 2000))
    Path("x.csv").write_text("caption,fname_1\n" + "".join(f"query {number},x.wav\n" for number in range(50)))
    arguments = ("score", "x.csv", "--protocol", "folder", "--data-root", root)
    told = lbar(*arguments)
    first, *listed, last = told.stderr.splitlines()
    assert (told.exit_code, told.stdout) == (2, "")
    assert "queries is among its 50 captions, such as 'query 0'; look whether it answers another data set" in first
    assert [line[:13] for line in listed] == ["  no row for "] * 5
    document = json.loads(lbar(*arguments, "--json").stdout)
    assert f"lbar: {document['error']}" == first
    assert [f"  {problem}" for problem in document["problems"][:5]] == listed
    assert last == f"  and {len(document['problems']) - 5} more; --json lists all"
    checked = lbar("validate", "x.csv", "--profile", "dcase2024", "--protocol", "folder", "--data-root", root, "--json")
    codes = [one["code"] for one in json.loads(checked.stdout)["findings"]]
    assert [code for code in codes if code.startswith("Q")] == ["Q007"]


def test_arrays_are_scored_and_kept(lbar: Lbar, tones: Callable[..., Path], tmp_path: Path) -> None:
    root = tones()
    own = ("--protocol", "folder", "--data-root", root)
    np.save(tmp_path / "text.npy", np.repeat(np.eye(8), 2, axis=0))
    np.save(tmp_path / "audio.npy", np.eye(8)[::-1])
    (tmp_path / "clips.txt").write_text("".join(f"tone {number}.wav\n" for number in range(7, -1, -1)))
    pair = (tmp_path / "audio.npy", "--text", tmp_path / "text.npy", "--clips", tmp_path / "clips.txt", *own)
    done = lbar("score", *pair)
    assert (done.exit_code, done.stdout.splitlines()[1]) == (0, "mAP@10   1.0000   95 % 1.0000 to 1.0000"), done.output
    assert json.loads(lbar("score", *pair, "--json").stdout)["format"] == "embeddings"
    done = lbar("score", *pair, "--name", "theirs", "--keep", "--out", tmp_path / "runs")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].startswith(f"theirs: {tmp_path / 'runs'}")
    assert "theirs" in lbar("board", "--out", tmp_path / "runs").stdout
    record = json.loads(lbar("score", *pair, "--name", "again", "--keep", "--out", tmp_path / "runs", "--json").stdout)
    assert record["system"]["name"] == "again"
    for arguments, message in (
        ((*pair, "--keep"), "--keep leaves a run folder of a system and --name says what it is called; give both"),
        ((*pair, "--name", "x"), "give both"),
        ((root, "--name", "x", "--keep", *own), "are for the outputs of one system; name one file"),
        (("a.npy", "b.npy", "--captions", "c.txt", *own), "are for the outputs of one system; name one file"),
        (
            (tmp_path / "audio.npy", *own),
            "audio.npy: the score matrix is of 8 captions and 8 clips, where folder has 16",
        ),
    ):
        done = lbar("score", *arguments)
        assert done.exit_code == 2
        assert re.search(message, done.stderr), done.stderr
