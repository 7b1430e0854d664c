import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner

from harness.errors import UserError
from harness.protocols.description import get_protocol
from harness.runs.records import EvaluationRecord, ProtocolRecord
from leaderboard.cli.board import board

HISTORIC = Path(__file__).parents[2] / "data" / "evaluation_v1.json"


def record(protocol: str) -> EvaluationRecord:
    historic = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
    return historic.model_copy(
        update={"id": uuid4().hex, "protocol": ProtocolRecord.model_validate(get_protocol(protocol))}
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for protocol in ("everyday", "everyday-multi"):
        (tmp_path / protocol).mkdir()
        (tmp_path / protocol / "record.json").write_text(record(protocol).to_json())
    return tmp_path


def run(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(board)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_a_pipe_gets_plain_text_of_a_hundred_columns(out: Path) -> None:
    shown = run("--out", out)
    assert "\x1b" not in shown
    assert "everyday, text-to-audio" in shown
    assert "everyday-multi, text-to-audio" in shown
    assert "[0.290, 0.334]" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert run("--out", out) == shown


def test_json_is_one_document(out: Path) -> None:
    document = json.loads(run("--out", out, "--json"))
    assert [standing["protocol"]["name"] for standing in document["standings"]] == ["everyday", "everyday-multi"]
    assert json.loads(run("--out", out / "absent", "--json")) == {"standings": [], "not_comparable": []}


def test_one_protocol_may_be_asked_for(out: Path) -> None:
    document = json.loads(run("--out", out, "--json", "--protocol", "everyday-multi"))
    assert [standing["protocol"]["name"] for standing in document["standings"]] == ["everyday-multi"]
    with pytest.raises(UserError, match="unknown protocol 'evryday'"):
        board(out, ["evryday"])


def test_no_runs_say_how_to_make_one(tmp_path: Path) -> None:
    assert run("--out", tmp_path) == f"no runs in {tmp_path}; `lbar eval SYSTEM --protocol NAME` makes one\n"


def test_what_was_published_is_listed_also_where_nothing_was_measured(tmp_path: Path, out: Path) -> None:
    lines = run("--out", tmp_path / "absent", "--published", "--protocol", "clotho-dcase2024").splitlines()
    command = "`lbar eval SYSTEM --protocol clotho-dcase2024`"
    assert lines[0] == f"no runs by clotho-dcase2024 in {tmp_path / 'absent'}; {command} makes one"
    assert lines[1].rstrip() == "clotho-dcase2024, as published; nothing of it was measured here"
    assert lines[2].split() == ["system", "mAP@10", "R@1", "R@5", "R@10", "date", "source"]
    assert lines[4].split()[:2] == ["SRPOL", "PaSST-S"]
    assert " 0.440 " in lines[4]
    assert max(map(len, lines[1:])) <= 100
    everything = run("--out", out, "--published")
    assert "everyday, text-to-audio" in everything
    assert [line.split(",")[0] for line in everything.splitlines() if "as published" in line] == [
        "clotho-dcase2024",
        "clotho-dcase2025",
        "audiocaps",
        *(f"clotho-intents-{kind}" for kind in ("question", "imperative", "paraphrase", "tagging")),
    ]
    assert "as published" not in run("--out", out, "--published", "--protocol", "everyday")


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, leaderboard.cli.board; assert not {'torch', 'mlflow', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)


def test_the_board_reads_records_never_a_system(out: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from leaderboard.cli.board import board; board(Path(sys.argv[1]));"
        "heavy = {'torch', 'mlflow', 'pandas', 'matplotlib', 'systems'} & set(sys.modules); assert not heavy, heavy"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code, out], cwd=root, check=True, capture_output=True, text=True)
    assert "linear" in done.stdout


def test_a_protocol_has_its_published_results_beside_it(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    make_run(tmp_path, "mine", protocol="clotho-dcase2024", quality=-1.0)
    shown = run("--out", tmp_path, "--published")
    assert "Munakata ensemble" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "Munakata" not in run("--out", tmp_path)
    (standing,) = json.loads(run("--out", tmp_path, "--published", "--json"))["standings"]
    assert [system["place"] for system in standing["systems"]] == [1]
    assert all(result["source"] for result in standing["reported"])


def test_it_sorts_filters_and_exports(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    for name, quality in (("b", 1.0), ("a", -1.0), ("c", 0.0)):
        make_run(tmp_path, name, quality=quality)
    rows = list(csv.DictReader(run("--out", tmp_path, "--format", "csv", "--sort", "system").splitlines()))
    assert [row["system"] for row in rows] == ["a", "b", "c"]
    assert [row["place"] for row in rows] == ["3", "1", "2"]
    assert run("--out", tmp_path, "--format", "markdown", "--only", "c").count("\n| ") == 3
    assert r"\toprule" in run("--out", tmp_path, "--format", "latex")
    with pytest.raises(UserError, match="unknown column 'colour'"):
        run("--out", tmp_path, "--sort", "colour")


def test_a_page_has_published_results_though_the_table_has_not(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    make_run(tmp_path / "runs", "mine", protocol="clotho-dcase2024")
    shown = run("--out", tmp_path / "runs", "--html", tmp_path / "page", "--data-root", tmp_path)
    assert "Munakata" not in shown
    assert "Munakata ensemble" in (tmp_path / "page" / "index.html").read_text()
    assert "Munakata" not in (tmp_path / "page" / "compare.html").read_text()
