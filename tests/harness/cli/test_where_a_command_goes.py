"""Another distribution adds a command to `lbar` by one entry point, and edits nothing else."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import build

COUNT = '''
from pathlib import Path
from typing import Annotated

import typer


from harness import UserError
from harness.cli import AsJson, print_json


def count(folder: Annotated[Path, typer.Argument(help="To count in.")], as_json: AsJson = False) -> None:
    """Count the files of a folder."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder")
    found = len(list(folder.iterdir()))
    print_json(found) if as_json else typer.echo(f"{found} files")


group = typer.Typer(help="Counts of other things.")


@group.command()
def nothing() -> None:
    """Count nothing."""
    typer.echo("0")
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution with a command, a group of commands, and one that cannot be imported."""
    about = tmp_path / "counting-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    entries = ("count = counting_command:count", "others = counting_command:group", "broken = counting_command:absent")
    (about / "entry_points.txt").write_text("\n".join(("[lbar.commands]", *entries, "")))
    (tmp_path / "counting_command.py").write_text(COUNT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "counting_command", raising=False)
    return tmp_path


def lbar(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(), arguments)
    return done.exit_code, done.stdout, done.stderr


def test_a_command_of_another_distribution(install: Path) -> None:
    code, shown, _ = lbar("--help")
    assert code == 0
    assert "Count the files of a folder." in shown
    assert "Counts of other things." in shown
    # Not the folder of the module: Python may keep its byte code there.
    counted = str(install / "counting-1.0.dist-info")
    assert lbar("count", counted)[:2] == (0, "2 files\n")
    assert lbar("count", counted, "--json")[:2] == (0, "2\n")
    assert lbar("others", "nothing")[:2] == (0, "0\n")


def test_its_errors_are_one_line(install: Path) -> None:
    code, shown, said = lbar("count", str(install / "nowhere"))
    assert (code, shown) == (2, "")
    assert said.splitlines()[-1] == f"lbar: {install / 'nowhere'} is not a folder"


def test_one_that_cannot_be_imported_takes_no_other_with_it(install: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {command.name for command in build().registered_commands}
    assert {"eval", "board", "count"} <= names
    assert "broken" not in names
    assert "command 'broken' of counting_command:absent is left out" in capsys.readouterr().err
