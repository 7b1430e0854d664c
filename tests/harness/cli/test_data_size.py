import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli import build
from harness.machine.files.kept import Disk


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LBAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LBAR_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr("harness.machine.disk_of", lambda place: Disk(1, 25 * 10**9))


def lbar(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["data", "size", *arguments, "--data-root", "nowhere"])


def test_it_says_what_each_thing_needs_and_where() -> None:
    done = lbar("mn-stage1-clotho")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["in", "size", "for"]
    assert "cache    up to 5.5 GB    samples of clotho development" in lines
    assert lines[-3] == "data: 9.7 GB needed in nowhere, 25.0 GB free"
    assert "not known" not in done.stdout


def test_what_nobody_knows_is_said() -> None:
    (line,) = (line for line in lbar("atst-stage1-clotho").stdout.splitlines() if "atstframe" in line)
    assert line.split()[:3] == ["weights", "not", "known"]


def test_folders_on_one_disk_share_what_is_free() -> None:
    # 9.7 GB of audio, 7.0 GB of samples and 10.3 GB of weights fit on it one by one.
    done = lbar("mn-stage1-clotho")
    assert done.exit_code == 1
    assert done.stderr.startswith("this does not fit on the disk: 27.0 GB together, 25.0 GB free")


def test_json_has_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.machine.disk_of", lambda place: Disk(1, 10**12))
    done = lbar("mn-stage1-clotho", "--rate", "16000", "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert {
        "where": "cache",
        "what": "samples of clotho validation",
        "size": 748_800_000,
        "estimated": True,
    } in document["needed"]
    cache = document["folders"][1]
    assert (cache["where"], cache["needed"], cache["free"]) == ("cache", 748_800_000 + 2_764_800_000, 10**12)


def test_a_system_without_training_data_is_an_error() -> None:
    done = lbar("random")
    assert done.exit_code == 2
    assert "random does not say what it is trained on" in done.stderr
