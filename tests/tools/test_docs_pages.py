"""The pages that are made from the code leave nothing out."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.interface import Card
from systems.dual_encoder.card import DualEncoderCard

pytest.importorskip("mkdocs", reason="needs mkdocs (extra docs)")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        found = importlib.import_module("docs_pages")
    sys.modules.pop("docs_pages")
    return found


def test_every_command_and_option_is_there(pages: ModuleType) -> None:
    text = pages.commands()
    for name in ("eval", "train", "data verify", "systems fetch", "mlflow register", "correspondences inspect"):
        assert f"## `lbar {name}`\n" in text
    assert "| `--protocol` | Evaluation protocol, or its YAML file; `lbar protocols` lists them. | `everyday` |" in text
    assert "(environment variable `LBAR_RUNS`) | `runs` |" in text


@pytest.mark.parametrize("face", ["harness", "harness.measures", "systems", "leaderboard", "leaderboard.board"])
def test_every_public_name_has_an_entry(pages: ModuleType, face: str) -> None:
    text = pages.python()
    names = [name for name in importlib.import_module(face).__all__ if not name.startswith("_")]
    assert names
    for name in names:
        entry = rf"heading: {re.escape(f'{face}.{name}')}\n|`{re.escape(f'{face}.{name}')}` is \["
        assert re.search(entry, text), f"{face}.{name} has no entry"


@pytest.mark.parametrize("model", [Card, DualEncoderCard])
def test_every_field_of_a_card_has_type_meaning_and_example(pages: ModuleType, model: type[Card]) -> None:
    rows = {row.split(" | ")[0].strip("| `"): row for row in pages.cards().splitlines() if row.startswith("| `")}
    for name in model.model_fields:
        field, kind, default, meaning, example = rows[name].strip("| ").split(" | ")
        assert field.strip("`") == name
        assert all((kind, default, meaning, example)), f"{name}: {rows[name]}"


def test_fields_say_what_may_stand_in_them(pages: ModuleType) -> None:
    text = pages.cards()
    assert "| `frequency_warp` | number > 0 and ≤ 1 | `0.9` |" in text
    assert "| `averaging` | `true-length` or `published` | `true-length` |" in text
    assert "| `teachers` | list of text | `[]` |" in text


def test_every_check_of_the_validator_is_there(pages: ModuleType) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "harness" / "submission").rglob("*.py"))
    written = set(re.findall(r'"([A-Z]\d{3})",\s*"(?:error|warning)"', sources)) - {"A001"}
    assert len(written) > 50
    assert {one.code for one in pages.all_checks()} == written


def test_pages_are_all_in_the_navigation() -> None:
    written = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    named = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert named == written | {f"reference/{name}.md" for name in ("commands", "python", "cards", "checks")}


def test_examples_in_docstrings_are_code() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        fenced = importlib.import_module("docs_examples").fenced
    text = "Adds.\n\n>>> 1 + 1\n2\n>>> 3\n3\n\nMore [a][b].\n\n>>> 4\n4"
    assert fenced(text) == ("Adds.\n\n```pycon\n>>> 1 + 1\n2\n>>> 3\n3\n```\n\nMore [a][b].\n\n```pycon\n>>> 4\n4\n```")
    assert fenced("Nothing.") == "Nothing."
