"""The one walk over those a system starts from or is taught by."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface.cards.ancestors import ancestors_of
from harness.interface.cards.card import read_card, training_of
from harness.interface.cards.training_section import TrainingSection


def card(path: Path, training: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"factory: m:f\nname: {path.stem}\ntraining: {training}\n")


def names(path: Path) -> list[str]:
    fields, folder = read_card(str(path))
    return [Path(ancestor.name).stem for ancestor in ancestors_of(training_of(fields), folder)]


def test_each_once_and_before_its_own(tmp_path: Path) -> None:
    card(tmp_path / "first.yaml", "{data: [clotho]}")
    card(tmp_path / "left.yaml", "{start: first.yaml}")
    card(tmp_path / "sub" / "right.yaml", "{teachers: [../first.yaml, ../left.yaml]}")
    card(tmp_path / "last.yaml", "{start: left.yaml, teachers: [sub/right.yaml, left.yaml]}")
    assert names(tmp_path / "last.yaml") == ["right", "left", "first"]
    assert names(tmp_path / "first.yaml") == []


def test_who_has_no_card_has_no_known_ancestors(tmp_path: Path) -> None:
    card(tmp_path / "last.yaml", "{teachers: ['module:factory', gone.yaml, liner, tiny-passt]}")
    fields, folder = read_card(str(tmp_path / "last.yaml"))
    factory, gone, unknown, tiny, pretrained = ancestors_of(training_of(fields), folder)
    assert "is a system without a card" in factory.problem
    assert gone.problem == f"there is no card {tmp_path / 'gone.yaml'}"
    assert "did you mean 'linear'?" in unknown.problem
    assert (tiny.title, tiny.problem) == ("tiny-passt", "")
    assert tiny.training.data == pretrained.training.data == ("everyday", "everyday-pretraining")
    assert pretrained.title == "tiny-passt-pretrained"
    assert factory.training == gone.training == TrainingSection()


def test_a_circle_is_refused_by_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    card(Path("a.yaml"), "{start: sub/b.yaml}")
    card(Path("sub/b.yaml"), "{teachers: [../a.yaml]}")
    card(Path("c.yaml"), "{start: a.yaml}")
    with pytest.raises(UserError, match=r"in a circle: a.yaml → sub/b.yaml → sub/../a.yaml; take one of them out"):
        names(Path("c.yaml"))
