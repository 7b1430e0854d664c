"""Whose code runs: that of a stranger's card only where the person says so."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import build
from harness.errors import UserError
from harness.interface import import_named
from harness.interface.systems import build_system

RAN = "code ran"


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a module that leaves a file when it is imported, and cards that name it in all ways."""
    (tmp_path / "strange.py").write_text(
        f"import pathlib\npathlib.Path({RAN!r}).touch()\n"
        "from harness.interface import SystemInfo\n"
        "class Mine:\n    info = SystemInfo('mine', 8000)\n"
        "    def embed_audio(self, clips): return [[1.0]] * len(clips)\n"
        "    def embed_text(self, captions): return [[1.0]] * len(captions)\n"
        "def from_card(card, folder): return Mine()\n"
        "def train(card, folder, out, data_root, progress): return 'trained'\n"
    )
    (tmp_path / "factory.yaml").write_text("factory: strange:from_card\nname: a\n")
    (tmp_path / "trainer.yaml").write_text("factory: systems.random:from_card\ntrainer: strange:train\nname: a\n")
    (tmp_path / "member.yaml").write_text(
        "factory: systems.fusion:from_card\nname: a\nmembers: ['strange:Mine', random]\n"
    )
    (tmp_path / "encoder.yaml").write_text("base: tiny-passt\nname: a\naudio: {encoder: 'strange:Mine'}\n")
    (tmp_path / "teacher.yaml").write_text(
        "base: tiny-passt\nname: a\ntraining: {data: [everyday], teachers: ['strange:Mine']}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LBAR_TRUST", raising=False)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    sys.modules.pop("strange", None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "factory.yaml"],
        ["eval", "factory.yaml"],
        ["bench", "factory.yaml"],
        ["train", "trainer.yaml"],
        ["check", "member.yaml"],
        ["check", "encoder.yaml"],
    ],
    ids=" ".join,
)
def test_a_strangers_code_is_named_and_not_run(stranger: Path, arguments: list[str]) -> None:
    found = CliRunner().invoke(build(), arguments)
    assert found.exit_code == 2, found.output
    assert "code that is neither lbar's nor a registered package's, and was not run" in found.output
    assert "--trust" in found.output
    assert "strange:" in found.output
    assert not (stranger / RAN).exists()


def test_what_lists_and_downloads_never_runs_code(stranger: Path) -> None:
    for arguments in (["systems", "fetch", "factory.yaml"], ["data", "leaks", "factory.yaml"], ["systems"]):
        found = CliRunner().invoke(build(), arguments, env={"LBAR_TRUST": "1"})
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert not (stranger / RAN).exists()


def test_a_teacher_that_a_card_names_is_asked_about(stranger: Path) -> None:
    from systems.training.teachers.correspondences import teach

    with pytest.raises(UserError, match=r"teacher 'strange:Mine' .* names strange:Mine, code that is neither"):
        teach(("strange:Mine",), None)
    assert not (stranger / RAN).exists()


def test_it_runs_where_the_person_says_so(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The option sets the variable for processes that the command starts.
    monkeypatch.setenv("LBAR_TRUST", "0")
    found = CliRunner().invoke(build(), ["train", "trainer.yaml", "--trust"])
    assert "trained" in found.output
    assert (stranger / RAN).exists()


def test_a_factory_that_the_person_names_runs(stranger: Path) -> None:
    assert build_system("strange:Mine").system.info.name == "mine"
    with pytest.raises(UserError, match="somebody's record names strange:Mine"):
        build_system("strange:Mine", named_by="somebody's record")


def test_a_registered_package_is_trusted(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("other", "strange.cards", "lbar.systems")
    monkeypatch.setattr("harness.interface.systems.entry_points", lambda group: [entry])
    monkeypatch.syspath_prepend(str(stranger))
    assert callable(import_named("strange:Mine", named_by="a card"))


def test_a_folder_named_like_ours_does_not_stand_in_for_it(stranger: Path) -> None:
    (stranger / "systems").mkdir()
    (stranger / "systems" / "random.py").write_text(f"open({RAN!r}, 'w')\n")
    build_system("random")
    assert not (stranger / RAN).exists()
