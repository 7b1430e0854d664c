"""`lbar systems`: the list, one system, and the download of several."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli.app import build


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lbar(*arguments: str) -> Result:
    return CliRunner().invoke(build(), arguments, catch_exceptions=False)


def test_one_system_that_is_not_here() -> None:
    done = lbar("systems", "clap")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "clap: LAION-CLAP, HTS-AT and RoBERTa, without fusion"
    assert "missing  weights/clap-htsat-unfused (about 615.0 MB)" in lines
    assert "missing before it runs, about 615.0 MB" in lines
    assert lines[-2:] == ["1  lbar systems fetch clap", "2  lbar eval clap"]
    assert all(len(line) <= 100 for line in lines)


def test_a_system_that_has_to_be_trained() -> None:
    done = lbar("systems", "passt-m1-clotho")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "starts from  passt-stage1-clotho" in lines
    assert any(line.startswith("clotho-dcase2024  mAP@10 30.18") for line in lines)
    assert lines[-4:] == [
        "1  lbar data fetch clotho",
        "2  lbar systems fetch passt-m1-clotho --training",
        "3  lbar train passt-stage1-clotho passt-m1-clotho",
        "4  lbar eval passt-m1-clotho --protocol clotho-dcase2024",
    ]


def test_a_system_that_is_here_and_what_it_reached(make_run: Callable[..., Path]) -> None:
    run = make_run(Path("runs"), "tiny-passt", quality=1.0)
    make_run(Path("runs"), "tiny-atst")
    lines = [line.strip() for line in lbar("systems", "show", "tiny-passt").stdout.splitlines()]
    reached = lines[lines.index("runs in runs") + 1]
    assert reached.startswith("everyday  mAP@10 0.")
    assert reached.endswith(f"({run})")
    assert lines[-1] == "1  lbar eval tiny-passt"


def test_a_users_own_systems() -> None:
    Path("mine.yaml").write_text("factory: m:f\nname: mine\nabout: my own\nfiles: {list: {path: list.txt}}\n")
    done = lbar("systems", "mine.yaml")
    assert done.stdout.startswith("mine.yaml: my own\n")
    assert "missing  weights/list.txt" in done.stdout
    done = lbar("systems", "mine:Mine")
    assert "built by  mine:Mine" in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "1  lbar eval mine:Mine"


@pytest.mark.parametrize("words", [("clap", "--json"), ("--json", "clap"), ("show", "clap", "--json")])
def test_one_json_document(words: tuple[str, ...]) -> None:
    document = json.loads(lbar("systems", *words).stdout)
    assert (document["name"], document["runs"]) == ("clap", [])
    assert document["missing"]["downloads"] == ["lbar systems fetch clap"]
    assert document["missing"]["parts"][0]["size"] == 615_000_000


def test_a_wrong_name_is_one_line() -> None:
    done = lbar("systems", "liner")
    assert done.exit_code == 2
    assert done.stderr.startswith("lbar: unknown system 'liner'; did you mean 'linear'?")
    assert len(done.stderr.splitlines()) == 1


def test_the_files_of_several_are_fetched_and_what_fails_is_told_for_each() -> None:
    for name in ("one", "two"):
        files = f"{{a: {{path: {name}.bin, page: 'http://elsewhere'}}, b: {{path: made.bin}}}}"
        Path(f"{name}.yaml").write_text(f"factory: m:f\nname: {name}\nfiles: {files}\n")
    done = lbar("systems", "fetch", "one.yaml", "two.yaml", "random")
    assert done.exit_code == 2
    assert done.stdout.splitlines()[-1] == "random needs no files"
    assert [line.split(":")[0] for line in done.stderr.splitlines() if line[0] != " "] == ["one.yaml", "two.yaml"]


def test_an_evaluation_of_what_is_not_here_lists_all_of_it_once() -> None:
    done = lbar("eval", "clap", "passt-distilled-all", "--protocol", "clotho-dcase2024")
    assert done.exit_code == 2
    head, *lines = done.stderr.splitlines()
    assert "run `lbar data fetch clotho` and `lbar systems fetch passt-distilled-all clap`, then run this" in head
    places = [line.split(" (")[0].strip() for line in lines]
    assert places == [
        "data/clotho",
        "weights/clap-htsat-unfused",
        "weights/passt_roberta.ckpt",
        "weights/roberta-large",
    ]
