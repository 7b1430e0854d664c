from pathlib import Path

import pytest

from harness.cli.systems import as_document, as_row
from harness.errors import UserError
from harness.interface.systems import listings, look_at

CARD = """
factory: m:f
name: {name}
parameters: 1234567
about: a test
files: {files}
published:
  - source: a paper
    protocol: clotho-dcase2024
    measures: {{R@1: 20.5, mAP@10: 30.25}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def card(folder: Path, name: str, files: str = "{}", more: str = "") -> str:
    (folder / f"{name}.yaml").write_text(CARD.format(name=name, files=files) + more)
    return f"{name}.yaml"


def test_what_is_here_and_what_is_not(folder: Path) -> None:
    (folder / "here.bin").touch()
    files = "{a: {path: here.bin}, b: {path: gone.bin, urls: [http://x/gone.bin]}, c: {path: t, training_only: true}}"
    listing = look_at(card(folder, "mine", files))
    assert [needed.place for needed in listing.files] == [Path("here.bin"), None, None]
    assert [needed.file.path for needed in listing.missing] == ["gone.bin"]
    assert as_row(listing) == ("mine.yaml", "1.2 M", "mAP@10 30.25", "clotho-dcase2024", "to fetch", "a test")
    document = as_document(listing)
    assert document["files"][0]["how"] == ""  # type: ignore[index]
    assert "lbar systems fetch mine.yaml" in document["files"][1]["how"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ("{}", "here"),
        ("{a: {path: gone, page: http://x}}", "by hand"),
        ("{a: {path: gone, origin: nowhere yet}}", "to train"),
        ("{a: {path: gone, origin: nowhere yet}, b: {path: more, urls: [http://x/more]}}", "to train"),
    ],
)
def test_the_state_of_the_files(folder: Path, files: str, state: str) -> None:
    assert as_row(look_at(card(folder, "mine", files)))[4] == state


def test_members_bring_their_files(folder: Path) -> None:
    card(folder, "one", "{a: {path: shared.bin}}")
    card(folder, "two", "{a: {path: two.bin}}", "members: [one.yaml, random]\n")
    both = look_at(card(folder, "both", more="members: [one.yaml, two.yaml]\n"))
    assert [(needed.system, needed.file.path) for needed in both.files] == [
        ("one.yaml", "shared.bin"),
        ("two.yaml", "two.bin"),
    ]


def test_members_in_a_circle(folder: Path) -> None:
    card(folder, "one", more="members: [two.yaml]\n")
    listing = look_at(card(folder, "two", more="members: [one.yaml]\n"))
    assert "circle: two → one → two" in listing.problem
    assert as_row(listing)[4] == listing.problem


def test_members_of_one_name_are_no_circle(folder: Path) -> None:
    (folder / "sub").mkdir()
    card(folder / "sub", "one")
    card(folder, "one", more="members: [sub/one.yaml, random]\n")
    assert look_at("one.yaml").problem == ""


def test_a_broken_card_is_told_of_and_no_error(folder: Path) -> None:
    (folder / "bad.yaml").write_text("factory: [")
    assert "cannot be read" in look_at("bad.yaml").problem


def test_a_name_nobody_has() -> None:
    with pytest.raises(UserError, match="unknown system 'nobody'"):
        look_at("nobody")


def test_every_registered_card_is_sound() -> None:
    found = listings()
    assert [listing.problem for listing in found if listing.problem] == []
    assert {"random", "linear", "passt-m3-clotho", "tiny-passt"} <= {listing.name for listing in found}
    assert all(listing.card and listing.card.name == listing.name for listing in found)
