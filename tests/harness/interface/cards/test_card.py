"""What cards say together, and what is said of cards that say nothing sensible."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface.cards.card import Card, common_part, parse_card, read_card
from harness.interface.cards.files import place_of


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


def test_what_a_base_has_beside_it_is_found_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "low.bin").touch()
    files = "files: {a: {path: low.bin}, b: {path: far.bin}}\nmembers: [one.yaml, linear]\n"
    write(tmp_path / "sub", low=f"factory: m:f\n{files}")
    write(tmp_path, top="base: sub/low.yaml\nname: top\n")
    card, folder = read_card(str(tmp_path / "top.yaml"))
    assert card["files"] == {"a": {"path": "sub/low.bin"}, "b": {"path": "far.bin"}}
    assert card["members"] == ["sub/one.yaml", "linear"]
    assert (folder / "sub/low.bin").exists()


def test_what_comes_with_a_base_is_found_by_its_path_from_there(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    write(
        tmp_path / "parts", base="factory: a:b\nfiles: {weights: {path: '{name}.bin', bundled: '../kept/{name}.bin'}}\n"
    )
    write(tmp_path, mine="base: parts/base.yaml\nname: mine\n")
    assert read_card(str(tmp_path / "mine.yaml"))[0]["files"] == {
        "weights": {"path": "mine.bin", "bundled": "kept/mine.bin"}
    }


def test_another_file_has_another_address(tmp_path: Path) -> None:
    write(tmp_path, low="factory: m:f\nfiles: {a: {path: low.bin, urls: [http://x/low.bin], licence: MIT}}\n")
    write(tmp_path, path="base: low.yaml\nfiles: {a: {path: own.bin}}\n", more="base: low.yaml\nfiles: {a: {md5: x}}\n")
    assert read_card(str(tmp_path / "path.yaml"))[0]["files"] == {"a": {"path": "own.bin"}}
    assert read_card(str(tmp_path / "more.yaml"))[0]["files"] == {
        "a": {"path": "low.bin", "urls": ["http://x/low.bin"], "licence": "MIT", "md5": "x"}
    }


def test_figures_published_for_one_are_not_those_of_another(tmp_path: Path) -> None:
    write(tmp_path, mine="base: passt-m3-clotho\nname: mine\n")
    assert "published" in read_card("passt-m3-clotho")[0]
    assert "published" not in read_card(str(tmp_path / "mine.yaml"))[0]


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
        ({"top": "factory: m:f\nname: &n {a: *n}\n"}, "one that contains itself"),
    ],
)
def test_cards_that_do_not_hold_together(tmp_path: Path, cards: dict[str, str], message: str) -> None:
    write(tmp_path, **cards)
    with pytest.raises(UserError) as caught:
        read_card(str(tmp_path / "top.yaml"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_that_is_wrong_is_listed() -> None:
    card = {"factory": "m:f", "surprise": 1, "parameters": "many", "files": {"weights": {"urls": ["a"], "heft": 1}}}
    with pytest.raises(UserError, match=r"card '\?' does not fit") as caught:
        parse_card(Card, card)
    places = {problem.partition(":")[0] for problem in caught.value.problems}
    assert places == {
        "name",
        "surprise",
        "parameters",
        "files.weights.path",
        "files.weights.heft",
        "files.weights.urls.0",
    }


def test_one_wrong_thing_is_one_line() -> None:
    with pytest.raises(UserError, match=r"card 'mine' does not fit: surprise: unknown field; known are") as caught:
        parse_card(Card, {"factory": "m:f", "name": "mine", "surprise": 1})
    assert caught.value.problems == ()


@pytest.mark.parametrize("name", ["../up", "a/b", "..", "", "a\\b"])
def test_a_folder_holds_plain_names(name: str) -> None:
    with pytest.raises(UserError, match=r"files\.model\.contents"):
        parse_card(
            Card, {"factory": "m:f", "name": "x", "files": {"model": {"path": "m", "contents": {name: "http://x"}}}}
        )


def test_published_figures_are_some() -> None:
    nothing = {"source": "a", "protocol": "b", "measures": {}}
    with pytest.raises(UserError, match=r"published\.0\.measures"):
        parse_card(Card, {"factory": "m:f", "name": "x", "published": [nothing]})


def test_the_common_part_passes_over_the_rest() -> None:
    card = common_part({"factory": "m:f", "name": "mine", "bands": 12, "trained_on": ["b"], "pretrained_on": ["a"]})
    assert (card.name, card.all_training_data) == ("mine", ("a", "b"))


def test_a_file_is_no_folder() -> None:
    both = {"path": "x", "urls": ["http://a/x"], "contents": {"y": "http://a/y"}}
    with pytest.raises(UserError, match="a file has `urls`, a folder has `contents`; not both"):
        parse_card(Card, {"factory": "m:f", "name": "mine", "files": {"weights": both}})


@pytest.mark.parametrize("path", ["x" * 5_000, "a/" * 5_000 + "b"])
def test_a_path_that_no_file_can_have_is_left_as_it_is(tmp_path: Path, path: str) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", low=f"factory: m:f\nfiles: {{weights: {{path: {path}}}}}\n")
    write(tmp_path, top="base: sub/low.yaml\nname: mine\n")
    fields, folder = read_card(str(tmp_path / "top.yaml"))
    assert fields["files"] == {"weights": {"path": path}}
    with pytest.raises(UserError, match="cannot be looked for"):
        place_of(common_part(fields).files["weights"], folder)


def test_bases_that_multiply_are_bounded(tmp_path: Path) -> None:
    write(tmp_path, c0="factory: m:f\n", **{f"c{n}": f"base: [c{n - 1}.yaml, c{n - 1}.yaml]\n" for n in range(1, 30)})
    with pytest.raises(UserError, match="read more than 100 cards; take bases out"):
        read_card(str(tmp_path / "c29.yaml"))
