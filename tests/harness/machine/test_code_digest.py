"""A change of the code that decides a system's output is a change of its digest, wherever that code lies."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.interface.systems import load_system
from harness.machine.code_digest import harness_code, package_code, system_code

Digest = Callable[[], str | None]

FILES = {
    "own_helper.py": "GAIN = 1\nclass Base:\n    def embed_audio(self, clips): return GAIN\n",
    "own_system.py": "from own_helper import Base\nclass Mine(Base):\n    def embed_text(self, captions): return 1\n",
    "whole/__init__.py": "",
    "whole/inner/__init__.py": "",
    "whole/inner/mel.py": "BANDS = 128\n",
    "whole/system.py": "class Mine:\n    def embed_audio(self, clips): return 1\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("own_helper", "own_system", "whole", "whole.system", "whole.inner", "whole.inner.mel"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        ("own_system", "own_system.py"),
        ("own_system", "own_helper.py"),
        ("whole.system", "whole/system.py"),
        ("whole.system", "whole/inner/mel.py"),
    ],
)
def test_every_file_that_decides_counts(folder: Path, module: str, changed: str) -> None:
    system = importlib.import_module(module).Mine()
    first = system_code(system)
    assert first is not None
    assert system_code(system) == first
    (folder / changed).write_text(FILES[changed].replace("1", "2"))
    assert system_code(system) != first


def test_a_namespace_is_known_by_its_functions(folder: Path) -> None:
    mine = importlib.import_module("own_system").Mine()
    system = SimpleNamespace(embed_audio=mine.embed_audio, embed_text=mine.embed_text)
    first = system_code(system)
    (folder / "own_helper.py").write_text(FILES["own_helper.py"].replace("1", "2"))
    assert first is not None
    assert system_code(system) != first


def test_code_without_a_file_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook."""
    space: dict[str, object] = {"__name__": "no_file"}
    exec("class Mine:\n    def embed_audio(self, clips): return 1\n", space)
    monkeypatch.setitem(sys.modules, "no_file", type(sys)("no_file"))
    assert system_code(space["Mine"]()) is None  # type: ignore[operator]


def test_systems_and_harness_have_digests_of_their_own() -> None:
    codes = {system_code(load_system(name)) for name in ("linear", "random")}
    assert len(codes) == 1, "both are of the package systems"
    assert harness_code() not in codes


def test_a_package_is_told_without_importing_it(folder: Path) -> None:
    before = package_code("whole.inner.mel")
    assert before == package_code("whole.system:Mine") is not None
    assert package_code("own_system") is None
    assert package_code("no_such_package.module") is None
    assert not {"whole", "whole.inner"} & set(sys.modules)
    (folder / "whole/inner/mel.py").write_text("BANDS = 64\n")
    assert package_code("whole") not in (None, before)
