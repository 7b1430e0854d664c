"""A change of code is a change of its digest."""

import importlib
import sys
from pathlib import Path

import pytest

from harness import code_digest
from harness.code_digest import code_digest as digest_of


def load(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> str:
    monkeypatch.syspath_prepend(str(folder))
    sys.modules.pop(name, None)
    code_digest._digest.cache_clear()
    importlib.invalidate_caches()
    importlib.import_module(name)
    found = digest_of(name)
    sys.modules.pop(name)
    return found


def test_a_module_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "lone_module.py"
    module.write_text("gain = 1\n")
    first = load(monkeypatch, tmp_path, "lone_module")
    assert load(monkeypatch, tmp_path, "lone_module") == first
    module.write_text("gain = 2\n")
    assert load(monkeypatch, tmp_path, "lone_module") != first


def test_a_package_is_known_by_all_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "whole_package"
    (package / "inner").mkdir(parents=True)
    for file in ("__init__.py", "inner/__init__.py", "inner/mel.py"):
        (package / file).write_text("")
    first = load(monkeypatch, tmp_path, "whole_package")
    (package / "inner" / "mel.py").write_text("bands = 128\n")
    assert load(monkeypatch, tmp_path, "whole_package") != first


def test_what_has_no_source_still_has_a_digest() -> None:
    assert len(digest_of("sys")) == 64
