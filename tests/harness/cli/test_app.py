"""The command as a person meets it: what it prints, where, and its exit code."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build, own_command

Tones = Callable[..., Path]
Lbar = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lbar(participant: Path, own_cache: Path, migrated_runs: Path) -> Lbar:
    """Runs the command in the participant's folder, whose `runs` holds a migrated MLflow database.

    In this process, since one of its own takes seconds to begin.
    """

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        done = CliRunner().invoke(build(), list(map(str, arguments)), catch_exceptions=False)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


def command(*arguments: object) -> list[str]:
    return own_command(*map(str, arguments))


def test_a_folder_harness_in_the_working_directory_is_not_taken_for_ours(participant: Path) -> None:
    for name in ("harness", "systems", "leaderboard"):
        Path(name).mkdir()
        Path(name, "__init__.py").write_text("raise RuntimeError")
    done = subprocess.run(command("protocols"), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    first = os.environ | {"PYTHONPATH": str(participant)}
    done = subprocess.run(command("nonsense"), env=first, capture_output=True, text=True, timeout=120)
    assert done.stderr == "lbar: No such command 'nonsense'; `lbar --help` tells what there is\n"


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def runs() -> list[Path]:
    return sorted(path.parent for path in Path("runs").glob("*/record.json"))


def test_eval_from_files_to_board(lbar: Lbar, tones: Tones) -> None:
    root = tones()
    done = lbar("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", root, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "tone_system:ToneSystem: mAP@10 1.0000 [1.0000, 1.0000] on folder, in" in done.stderr
    assert "tone" in done.stdout
    assert "mAP@10" in done.stdout
    (folder,) = runs()
    assert (folder / "tone.output.csv").is_file()
    again = lbar("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", root, "--device", "cpu")
    assert "evaluated before" in again.stderr
    assert runs() == [folder]


def test_json_is_one_document_on_standard_output(lbar: Lbar, tones: Tones) -> None:
    done = lbar("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", tones(), "--json")
    (record,) = json.loads(done.stdout)
    assert record["protocol"]["name"] == "folder"
    assert record["measures"][0]["value"] == 1.0


def test_one_failing_system_does_not_stop_the_next(lbar: Lbar, tones: Tones) -> None:
    done = lbar(
        "eval", "nonsense", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", tones(), "--device", "cpu"
    )
    assert done.returncode == 2
    assert "nonsense: unknown system 'nonsense'" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(runs()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eval", "random", "--protocol", "nonsense"], "lbar: unknown protocol 'nonsense'; known are everyday"),
        (["eval", "linear", "--precision", "fp8"], "linear: unknown precision 'fp8'; known are fp32, bf16"),
        (["eval", "linear", "--precision", "bf16"], "lbar: linear computes in one precision only"),
        (["eval", "random", "--batch-size", "0"], "lbar: --batch-size '0' is neither `auto` nor a number"),
        (["eval", "linear", "--device", "cuda:7"], "linear: device 'cuda:7' cannot be used here"),
        (["score", "absent.csv", "--protocol", "clotho-dcase2024", "--data-root", "nowhere"], "lbar: "),
        (["check", "nonsense"], "lbar: unknown system 'nonsense'"),
        (["data", "verify", "nonsense"], "lbar: unknown data set 'nonsense'"),
        (["data", "fetch", "nonsense"], "lbar: unknown data set 'nonsense'"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_2(lbar: Lbar, arguments: list[str], message: str) -> None:
    done = lbar(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_check_says_what_is_wrong(lbar: Lbar) -> None:
    wrong = lbar("check", "tone_system:ToneSystem")
    assert wrong.returncode == 1
    assert "tone_system:ToneSystem: tone: embed_text gives a caption the zero vector" in wrong.stdout
    assert "Traceback" not in wrong.stderr
    right = lbar("check", "random", "--json")
    assert (right.returncode, json.loads(right.stdout)) == (0, [])


def test_listings(lbar: Lbar) -> None:
    assert "linear" in lbar("systems").stdout
    protocols = json.loads(lbar("protocols", "--json").stdout)
    assert {"everyday", "clotho-dcase2024", "clotho-dcase2025"} <= {protocol["name"] for protocol in protocols}
    assert json.loads(lbar("doctor", "--json").stdout)["packages"]["numpy"]


def test_track_mirrors_again_and_again(lbar: Lbar, tones: Tones) -> None:
    lbar("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", tones(), "--device", "cpu")
    first, second = lbar("track"), lbar("track")
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout


def test_a_server_that_is_away_costs_a_line_not_the_run(
    lbar: Lbar, tones: Tones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = lbar("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", tones(), "--device", "cpu")
    assert done.returncode == 0
    assert "`lbar track` mirrors it later" in done.stderr
    (folder,) = runs()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert folder.name in lbar("track").stdout


def interrupt_when(count: int, process: subprocess.Popen[str], how: signal.Signals) -> None:
    """Send a signal once the system has embedded `count` batches."""
    record = Path("embedded.txt")
    for _ in range(600):
        if record.exists() and len(record.read_text().split()) >= count:
            break
        time.sleep(0.05)
    process.send_signal(how)


@pytest.mark.parametrize(
    ("how", "code"),
    [(signal.SIGINT, 3), (signal.SIGTERM, 3), (signal.SIGHUP, 3), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"],
)
def test_an_interrupted_evaluation_goes_on(lbar: Lbar, tones: Tones, how: signal.Signals, code: int) -> None:
    arguments = (
        "eval", "tone_system:Slow", "--protocol", "folder", "--data-root", tones(), "--device", "cpu",
        "--batch-size", 1,
    )  # fmt: skip
    process = started(*arguments)
    interrupt_when(4, process, how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert runs() == []
    assert lbar(*arguments).returncode == 0
    batches = Path("embedded.txt").read_text().split()
    # The batch under way when the signal came may be done twice.
    assert len(batches) in (8, 9)
    assert len(runs()) == 1


def test_two_evaluations_in_one_folder_at_once(lbar: Lbar, tones: Tones) -> None:
    arguments = ("eval", "tone_system:Slow", "--protocol", "folder", "--data-root", tones(), "--device", "cpu")
    processes = [started(*arguments, "--again") for _ in range(2)]
    outcomes = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outcomes
    assert len(runs()) == 2
    assert Path("embedded.txt").read_text().split() == ["8"]
    assert len({json.loads((folder / "record.json").read_text())["id"] for folder in runs()}) == 2


def test_help_names_every_command(lbar: Lbar) -> None:
    text = lbar("--help").stdout
    for name in ("eval", "score", "check", "systems", "protocols", "track", "doctor", "data", "board", "train"):
        assert f" {name} " in text


def test_a_closed_pipe_is_no_error(lbar: Lbar) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(command("protocols"), stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert "Traceback" not in process.stderr


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argument", ["protocols", "--help"])
def test_an_output_that_cannot_be_written_is_one_line(argument: str, unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with FULL.open("w") as full:
        done = subprocess.run(command(argument), stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr == (
        "lbar: the output cannot be written: No space left on device; make room there, or write it elsewhere\n"
    )


@pytest.mark.skipif(not FULL.exists(), reason="needs the device that is always full")
def test_the_work_goes_on_where_its_lines_cannot_be_written(participant: Path, own_cache: Path, tones: Tones) -> None:
    Path("runs").mkdir()
    arguments = ("eval", "tone_system:ToneSystem", "--protocol", "folder", "--data-root", tones(), "--device", "cpu")
    with FULL.open("w") as full:
        done = subprocess.run(command(*arguments), stderr=full, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert "mAP@10" in done.stdout
