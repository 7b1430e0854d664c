"""A system is added by one card: beside one's work, or in a package of one's own that registers its cards."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.interface.systems import listings

CARD = "base: tiny-mn\nname: untrained\nabout: drawn at random\nrandom_weights: 1\n"


def lbar(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(build(), list(map(str, arguments)))
    return done.exit_code, done.output


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package of somebody else, whose folder of cards is registered and empty."""
    folder = tmp_path / "installed" / "their_cards"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    installed = tmp_path / "installed" / "their_cards-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: their-cards\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[lbar.systems]\ntheirs = their_cards\n")
    monkeypatch.syspath_prepend(folder.parent)
    yield folder
    sys.modules.pop("their_cards", None)


def evaluated(name: str, root: Path) -> None:
    options = ["--protocol", "folder", "--data-root", root, "--device", "cpu"]
    code, said = lbar("check", name)
    assert code == 0, said
    code, said = lbar("eval", name, *options)
    assert code == 0, said
    assert f"{name}: mAP@10 " in said
    code, said = lbar("board")
    assert "untrained" in said


def test_a_card_in_a_package(
    package: Path, migrated_runs: Path, tones: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(migrated_runs.parent)
    code, said = lbar("check", "untrained")
    assert (code, "unknown system 'untrained'" in said) == (2, True)
    (package / "untrained.yaml").write_text(CARD)
    (listed,) = [listing for listing in listings() if listing.name == "untrained"]
    assert listed.problem == ""
    row = next(line for line in lbar("systems")[1].splitlines() if line.startswith("untrained "))
    assert row.endswith("drawn at random")
    assert "did you mean 'untrained'?" in lbar("eval", "untrainde")[1]
    evaluated("untrained", tones())


def test_a_card_in_a_folder(migrated_runs: Path, tones: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(migrated_runs.parent)
    Path("untrained.yaml").write_text(CARD)
    evaluated("untrained.yaml", tones())


def test_a_package_that_is_broken_hides_no_other(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "__init__.py").write_text("raise RuntimeError('not today')")
    code, said = lbar("systems")
    assert (code, "linear " in said) == (0, True), said
