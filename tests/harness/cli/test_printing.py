"""What commands print: whatever names and captions hold, they do not steer the terminal, nor a spreadsheet."""

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.text import Text
from typer.testing import CliRunner

import harness
from harness.cli import build, echo, print_json, print_table, say, show, show_error
from harness.errors import UserError

NASTY = "a\x1b[2Jb\x9b31mc\rd\x07e\x7ff\u202eg\udcffh"
SEEN = "a␛[2Jb�31mc␍d␇e␡f�g�h"
STEERING = set("\x1b\x9b\r\x07\x7f\u202e\udcff")
MakeRun = Callable[..., Path]


def test_every_way_of_printing(capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"{NASTY}\n\tend")
    assert capsys.readouterr().out == f"{SEEN}\n\tend\n"
    print_table(("name", "n"), [(NASTY, "1"), ("b\nc", "2")])
    assert capsys.readouterr().out.splitlines()[1:] == [f"{SEEN}  1", f"{'b c'.ljust(len(SEEN))}  2"]
    say(NASTY)
    show_error(UserError(NASTY, [NASTY]), NASTY)
    # A line end of whatever kind within an error is a blank.
    line = SEEN.replace("␍", " ")
    assert capsys.readouterr().err == f"{SEEN}\n{SEEN}: {line}\n  {line}\n"
    show(lambda width: Text(NASTY, style="bold"))
    # Rich leaves these two out by itself.
    assert capsys.readouterr().out == f"{SEEN}\n".replace("␍", "").replace("␇", "")
    print_json({NASTY: [NASTY]})
    printed = capsys.readouterr().out
    assert not STEERING & set(printed)
    assert json.loads(printed) == {NASTY: [NASTY]}


def test_commands_print_in_no_other_way() -> None:
    root = Path(harness.__file__).parents[1]
    places = [*root.glob("harness/cli/*.py"), *root.glob("leaderboard/cli/*.py"), *root.glob("systems/**/cli.py")]
    assert len(places) > 15
    for path in places:
        if path.name != "printing.py":
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            called = {ast.unparse(call.func) for call in calls}
            allowed = {"typer.echo"} if path.name == "app.py" else set()
            assert called & {"typer.echo", "print", "console.print", "sys.stdout.write"} <= allowed, path


@pytest.mark.parametrize("how", ["", "--format markdown", "--format latex", "--format csv", "--json"])
def test_a_board_of_nasty_names(tmp_path: Path, make_run: MakeRun, how: str) -> None:
    nasty = NASTY.replace("\udcff", "")
    for name in (nasty, "[/bold]"):
        make_run(tmp_path, name)
    done = CliRunner().invoke(build(), ["board", "--out", str(tmp_path), *how.split()], catch_exceptions=False)
    assert done.exit_code == 0
    assert not STEERING & set(done.output)
    assert "b�31mc" in done.output or r"\u009b31m" in done.output
    done = CliRunner().invoke(build(), ["compare", nasty, "[/bold]", "--out", str(tmp_path)], catch_exceptions=False)
    assert not STEERING & set(done.output)


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1"])
def test_a_csv_of_names_that_spreadsheets_would_compute(tmp_path: Path, make_run: MakeRun, name: str) -> None:
    import csv
    import io

    make_run(tmp_path, name)
    done = CliRunner().invoke(build(), ["board", "--out", str(tmp_path), "--format", "csv"], catch_exceptions=False)
    (row,) = csv.DictReader(io.StringIO(done.output))
    assert row["system"] == f"'{name}"
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row.values())
