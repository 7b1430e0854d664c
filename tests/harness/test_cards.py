"""What cards say together, and what is said of cards that say nothing sensible."""

from pathlib import Path

import pytest

from harness.cards import Card, common_part, parse_card, read_card
from harness.errors import UserError


def write(folder: Path, **cards: str) -> None:
    for name, text in cards.items():
        (folder / f"{name}.yaml").write_text(text)


def test_a_card_stands_on_others(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    write(tmp_path / "parts", low="factory: m:f\nsize: {a: 1, b: 2}\nlist: [1, 2]\nfile: '{name}/{name}.bin'\n")
    write(tmp_path / "parts", middle="base: low.yaml\nsize: {b: 3}\ndeep: {x: ['{name}']}\n")
    write(tmp_path, side="size: {c: 9}\nlist: [7]\n")
    write(tmp_path, top="base: [parts/middle.yaml, side.yaml]\nname: mine\nsize: {a: 5}\n")
    card, folder = read_card(str(tmp_path / "top.yaml"))
    assert card == {
        "factory": "m:f",
        "size": {"a": 5, "b": 3, "c": 9},
        "list": [7],
        "file": "mine/mine.bin",
        "deep": {"x": ["mine"]},
        "name": "mine",
    }
    assert folder == tmp_path


def test_a_registered_card_may_be_the_base(tmp_path: Path) -> None:
    write(tmp_path, mine="base: random\nabout: another\n")
    card, _ = read_card(str(tmp_path / "mine.yaml"))
    assert card["factory"] == "systems.random:from_card"
    assert card["about"] == "another"


def test_the_same_part_twice_is_no_circle(tmp_path: Path) -> None:
    write(tmp_path, low="factory: m:f\n", left="base: low.yaml\n", right="base: low.yaml\n")
    write(tmp_path, top="base: [left.yaml, right.yaml]\nname: top\n")
    assert read_card(str(tmp_path / "top.yaml"))[0] == {"factory": "m:f", "name": "top"}


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"top": "base: top.yaml\nfactory: m:f\n"}, "circle: top.yaml → top.yaml"),
        ({"top": "base: a.yaml\n", "a": "base: b.yaml\n", "b": "base: a.yaml\n"}, "circle: a.yaml → b.yaml → a.yaml"),
        ({"top": "base: nowhere.yaml\n"}, "there is no card"),
        ({"top": "base: no-such-system\n"}, "unknown system 'no-such-system'"),
        ({"top": "base: 3\n"}, "`base:` is 3; expected a card's path or name"),
        ({"top": "base: [a.yaml, 3]\n"}, "expected a card's path or name, or a list of them"),
        ({"top": "base: a.yaml\n", "a": "name: a\n"}, "top.yaml has no line `factory:"),
        ({"top": "base: a.yaml\n", "a": "- 1\n"}, "a.yaml is no list of fields"),
    ],
)
def test_cards_that_do_not_hold_together(tmp_path: Path, cards: dict[str, str], message: str) -> None:
    write(tmp_path, **cards)
    with pytest.raises(UserError) as caught:
        read_card(str(tmp_path / "top.yaml"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_that_is_wrong_is_listed() -> None:
    card = {"factory": "m:f", "surprise": 1, "parameters": "many", "files": {"weights": {"urls": ["a"], "size": 1}}}
    with pytest.raises(UserError, match=r"card '\?' does not fit") as caught:
        parse_card(Card, card)
    places = {problem.partition(":")[0] for problem in caught.value.problems}
    assert places == {"name", "surprise", "parameters", "files.weights.path", "files.weights.size"}


def test_the_common_part_passes_over_the_rest() -> None:
    card = common_part({"factory": "m:f", "name": "mine", "bands": 12, "trained_on": ["b"], "pretrained_on": ["a"]})
    assert (card.name, card.heard) == ("mine", ("a", "b"))


def test_a_file_is_no_folder() -> None:
    both = {"path": "x", "urls": ["http://a/x"], "contents": {"y": "http://a/y"}}
    with pytest.raises(UserError, match="a file has `urls`, a folder has `contents`; not both"):
        parse_card(Card, {"factory": "m:f", "name": "mine", "files": {"weights": both}})
