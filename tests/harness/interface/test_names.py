"""What the name of a system stands for, and the same system named from different folders."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.interface.names import identity, located, named_from, registered, target_of


def test_registered_systems_are_there() -> None:
    assert {"linear", "random"} <= set(registered())


def test_what_a_name_stands_for() -> None:
    assert target_of("mine.yaml") == "mine.yaml"
    assert target_of("mine:System") == "mine:System"
    assert Path(target_of("linear")).name == "linear.yaml"
    with pytest.raises(UserError, match="unknown system 'liner'; did you mean 'linear'"):
        target_of("liner")


def test_a_system_is_one_however_it_is_spelt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert identity("a.yaml") == identity("./b/../a.yaml") == identity(str(tmp_path / "a.yaml")) != identity("b.yaml")
    assert identity("linear") == identity(target_of("linear"))
    assert (identity("mine:System"), identity("nobody")) == ("mine:System", "nobody")


def test_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert located("../a.yaml", Path("cards")) == "cards/../a.yaml"
    assert named_from(Path("cards"), "cards/../a.yaml") == "../a.yaml"
    assert [located(name, Path("cards")) for name in ("linear", "mine:System", "")] == ["linear", "mine:System", ""]
    assert named_from(Path("cards"), "linear") == "linear"
