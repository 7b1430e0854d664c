"""A name from somebody's file leads nowhere else, wherever it becomes the name of a file or a folder."""

import json
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface import Card, parse_card, read_card
from harness.machine.files.plain_names import plain_name
from harness.runs import EvaluationRecord
from harness.submission.editions.profiles import get_profile

LEADING_AWAY = [
    "../../x",
    "/etc/x",
    "a/b",
    "a\\b",
    "..",
    ".",
    ".x",
    "",
    " ",
    "C:x",
    "a\0b",
    "a\nb",
    "\x1b[2J",
    "x" * 121,
]
RECORD = Path(__file__).parents[3] / "data" / "evaluation_v1.json"


@pytest.mark.parametrize("name", LEADING_AWAY)
def test_names_that_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="a name"):
        plain_name(name)
    path = tmp_path / "card.yaml"
    path.write_text(json.dumps({"factory": "m:f", "name": name}))
    # A zero byte is refused wherever it stands in a card.
    refused = "cannot be read: the text .* holds a zero byte" if "\0" in name else "`name:` is .*: a name"
    with pytest.raises(UserError, match=rf"card .*card\.yaml:? {refused}") as caught:
        read_card(str(path))
    assert len(str(caught.value)) < 500 + len(str(path))
    with pytest.raises(UserError, match="does not fit: name: a name"):
        parse_card(Card, {"factory": "m:f", "name": name})
    fields = json.loads(RECORD.read_text())
    for part, field in (("protocol", "name"), ("dataset", "name"), ("dataset", "split"), ("dataset", "digest")):
        changed = fields | {part: fields[part] | {field: name}}
        with pytest.raises(UserError, match=rf"is damaged: {part}\.{field}: "):
            EvaluationRecord.from_json(json.dumps(changed))


@pytest.mark.parametrize("name", ["passt-m3-clotho", "größer", "a (b) +1 = 2", "x" * 120])
def test_names_that_are_taken(tmp_path: Path, name: str) -> None:
    assert plain_name(name) == name
    path = tmp_path / "card.yaml"
    path.write_text(json.dumps({"factory": "m:f", "name": name}))
    assert read_card(str(path))[0]["name"] == name


def test_a_card_called_by_a_number(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("factory: m:f\nname: 3\n")
    with pytest.raises(UserError, match="`name:` is 3; expected a text, in quotes"):
        read_card(str(path))


def test_parts_of_a_file_have_plain_names_too() -> None:
    urls = ["http://x/a", "http://x/.."]
    with pytest.raises(UserError, match=r"files\.weights: a name"):
        parse_card(Card, {"factory": "m:f", "name": "x", "files": {"weights": {"path": "w", "urls": urls}}})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("package: ../../{author}.zip", "package: a name"),
        ("folder: /tmp", "folder: a name"),
        ("output: '{label:>1000000000}.csv'", "output: .* has braces"),
        ("meta: '{label.__class__}'", "meta: .* has braces"),
        ("report: '{what}.pdf'", "report: .* has braces"),
        ("reports: ['{label}/x']", "reports: a name"),
    ],
)
def test_a_profile_names_files_in_the_package(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"base: dcase2024\n{line}\n")
    with pytest.raises(UserError, match=message):
        get_profile(str(path))
