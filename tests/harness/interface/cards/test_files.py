from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface.cards.files import CardFile, missing_line, place_of, required_file, required_files, weights_root


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LBAR_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_beside_the_card_goes_before_the_weights_folder(tmp_path: Path, weights: Path) -> None:
    card = tmp_path / "card"
    file = {"weights": CardFile(path="a/b.bin")}
    for root in (weights, card):
        (root / "a").mkdir(parents=True)
        (root / "a" / "b.bin").touch()
        assert required_file(file, "weights", card, "mine") == root / "a" / "b.bin"


def test_without_the_variable_it_is_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LBAR_WEIGHTS", raising=False)
    assert weights_root() == Path("weights")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"urls": ("http://a/x",)}, "get it by `lbar systems fetch CARD` (from http://a/x)"),
        ({"urls": ("http://a/x.1", "http://a/x.2")}, "(from http://a/x.1 and 1 more)"),
        ({"contents": {"v": "http://a/v", "m": "http://a/m"}}, "(from http://a/v and 1 more)"),
        ({"page": "http://a/page"}, "get it from http://a/page and put it there"),
        ({"page": "http://a/page", "origin": "as X"}, "get it from http://a/page (as X) and put it there"),
        ({"origin": "nobody published it"}, "x.bin is not there; nobody published it"),
        ({}, "get it from its publisher and put it there"),
    ],
)
def test_what_is_missing(tmp_path: Path, weights: Path, said: dict[str, object], line: str) -> None:
    file = CardFile.model_validate({"path": "x.bin", **said})
    with pytest.raises(UserError) as caught:
        required_file({"weights": file}, "weights", tmp_path, "mine")
    assert str(caught.value).startswith(f"mine lacks what it needs: {weights / 'x.bin'} is not there; ")
    assert line in str(caught.value)


@pytest.mark.parametrize(("system", "known"), [("linear", "linear"), ("a/card.yaml", "a/card.yaml"), ("mine", "CARD")])
def test_the_command_that_is_advised_works(system: str, known: str) -> None:
    line = missing_line(CardFile(path="x", urls=("http://a/x",)), system)
    assert f"`lbar systems fetch {known}`" in line


def test_all_that_is_missing_is_said_at_once(tmp_path: Path, weights: Path) -> None:
    files = {name: CardFile(path=name) for name in ("a", "b", "c")}
    (tmp_path / "b").touch()
    with pytest.raises(UserError, match="mine lacks what it needs in 2 ways") as caught:
        required_files(files, ["a", "b", "c"], tmp_path, "mine")
    assert [problem.partition(" is not there")[0] for problem in caught.value.problems] == [
        str(weights / "a"),
        str(weights / "c"),
    ]


def test_a_folder_is_there_when_it_is_whole(tmp_path: Path, weights: Path) -> None:
    contents = {"vocab.json": "http://a/v", "merges.txt": "http://a/m"}
    file = CardFile(path="bpe", contents=contents, instead=("tokenizer.json",))
    for folder in (tmp_path / "card" / "bpe", weights / "bpe"):
        folder.mkdir(parents=True)
        (folder / "vocab.json").touch()
        (folder / "merges.txt.part").touch()
    assert place_of(file, tmp_path / "card") is None
    (weights / "bpe" / "merges.txt").touch()
    assert place_of(file, tmp_path / "card") == weights / "bpe"
    (tmp_path / "card" / "bpe" / "tokenizer.json").touch()
    assert place_of(file, tmp_path / "card") == tmp_path / "card" / "bpe"


def test_a_place_that_cannot_be_looked_into(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be looked for: File name too long"):
        place_of(CardFile(path="x" * 300), tmp_path)


def test_nobodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LBAR_WEIGHTS", "~nosuchperson/weights")
    assert weights_root() == Path("~nosuchperson/weights")


def test_a_card_that_names_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="card 'mine' does not say where its tokenizer is"):
        required_file({}, "tokenizer", tmp_path, "mine")


def test_what_comes_with_a_card_is_for_where_there_is_no_other(tmp_path: Path, weights: Path) -> None:
    file = CardFile(path="mine/mine.bin", bundled="../shipped/mine.bin")
    card = tmp_path / "card"
    card.mkdir()
    assert place_of(file, card) is None
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "mine.bin").touch()
    assert place_of(file, card) == card / "../shipped/mine.bin"
    (weights / "mine").mkdir(parents=True)
    (weights / "mine" / "mine.bin").touch()
    assert place_of(file, card) == weights / "mine" / "mine.bin"
