"""What `lbar data` and errors in data print: a few lines that name the cause, and all of it with `--json`."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from harness.cli.app import build

CLIPS = [f"{number}.wav" for number in range(7)]


def lbar(*arguments: object) -> tuple[int, list[str], list[str]]:
    result = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    return result.exit_code, result.stdout.splitlines(), result.stderr.splitlines()


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """Seven silent clips, one of which has no caption twice over."""
    (tmp_path / "captions.csv").write_text("file_name,caption\n" + "".join(f"{clip},x\n" for clip in CLIPS))
    for clip in CLIPS:
        soundfile.write(tmp_path / clip, np.zeros(800), 8000)
    return tmp_path


def test_findings_of_one_kind_do_not_flood(silent: Path) -> None:
    code, lines, _ = lbar("data", "verify", "folder", "--data-root", silent)
    assert code == 1
    said = [f"all: {silent / clip} is silent: no sample differs from the others" for clip in CLIPS]
    assert lines == [*said[:5], "all: and 2 more; --json lists all", "folder: problems found: 7"]
    code, lines, _ = lbar("data", "verify", "folder", "--data-root", silent, "--json")
    assert [f"all: {one['message']}" for one in json.loads("\n".join(lines))] == said


@pytest.fixture
def captionless(silent: Path) -> Path:
    """Seven clips without a caption."""
    (silent / "captions.csv").write_text("file_name,caption\n" + "".join(f"{clip},\n" for clip in CLIPS))
    return silent


def test_problems_that_an_error_lists_do_not_flood(captionless: Path) -> None:
    command = ("eval", "random", "--protocol", "folder", "--data-root", captionless)
    problems = [f"line {number + 2}: '{clip}' has no caption" for number, clip in enumerate(CLIPS)]
    head = f"{captionless}/captions.csv: not a valid captions file: 7 problems"
    code, out, err = lbar(*command)
    assert (code, out) == (2, [])
    assert err == [f"lbar: {head}", *(f"  {line}" for line in problems[:5]), "  and 2 more; --json lists all"]
    code, out, _ = lbar(*command, "--json")
    assert code == 2
    assert json.loads("\n".join(out)) == {"error": head, "problems": problems}


def test_a_command_without_json_lists_a_thousand(captionless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness import datasets
    from harness.errors import UserError

    def fetch(*_: object, **__: object) -> None:
        raise UserError("many", CLIPS * 200)

    monkeypatch.setattr(datasets, "fetch", fetch, raising=False)
    _, _, err = lbar("data", "fetch", "folder", "--data-root", captionless)
    expected = [f"  {clip}" for clip in CLIPS * 200][:1000]
    assert err == ["lbar: many", *expected, "  and 400 more; mend these first"]
