from pathlib import Path

import pytest

from harness.interface.named_code import meant_code, meant_module


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "mine.py").write_text(
        "raise SystemExit('run')\nclass Other: ...\n"
        "class Mine:\n    def embed_audio(self, clips): ...\ndef make(): ...\n"
    )
    (tmp_path / "sub" / "deep.py").write_text("class Deep: ...\n")
    (tmp_path / "broken.py").write_text("class\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mine", "mine:Mine"),
        ("mine.py", "mine:Mine"),
        ("./mine.py", "mine:Mine"),
        ("mine.Mine", "mine:Mine"),
        ("mine/Mine", "mine:Mine"),
        ("mine.py:Mine", "mine:Mine"),
        ("mien:Mine", "mine:Mine"),
        ("mine:maek", "mine:make"),
        ("sub/deep.py", "sub.deep:Deep"),
        ("sub.deep.Deap", "sub.deep:Deep"),
        ("miner", None),
        ("mine:zzz", None),
        ("broken", None),
        ("", None),
        ("/", None),
    ],
)
def test_what_was_most_likely_meant_is_found_without_running_it(name: str, meant: str | None) -> None:
    assert meant_code(name) == meant


def test_the_nearest_module_of_a_package() -> None:
    assert meant_module("systems.linar") == "systems.linear"
    assert meant_module("systems.zzzzzz") is None
    assert meant_module("linar") is None
