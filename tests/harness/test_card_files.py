from pathlib import Path

import pytest

from harness.card_files import CardFile, required_file, weights_root
from harness.errors import UserError


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
        ({"urls": ("http://a/x",)}, "get it by `lbar systems fetch mine` (from http://a/x)"),
        ({"urls": ("http://a/x.1", "http://a/x.2")}, "(from http://a/x.1 and 1 more)"),
        ({"contents": {"v": "http://a/v", "m": "http://a/m"}}, "(from http://a/v and 1 more)"),
        ({"page": "http://a/page"}, "get it from http://a/page and put it there"),
        ({"origin": "the author"}, "get it from the author and put it there"),
        ({}, "get it from its publisher and put it there"),
    ],
)
def test_what_is_missing(tmp_path: Path, weights: Path, said: dict[str, object], line: str) -> None:
    file = CardFile.model_validate({"path": "x.bin", **said})
    with pytest.raises(UserError) as caught:
        required_file({"weights": file}, "weights", tmp_path, "mine")
    assert str(caught.value).startswith(f"mine needs {weights / 'x.bin'}, which is not there")
    assert line in str(caught.value)


def test_a_card_that_names_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="card 'mine' does not say where its tokenizer is"):
        required_file({}, "tokenizer", tmp_path, "mine")
