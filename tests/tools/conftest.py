"""Tests of the tools: each finds its own, and files of tests that fork run in a process of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
_ALONE = "LBAR_TEST_IN_OWN_PROCESS"


@pytest.fixture
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The tool that a file of tests is named after, imported with the tools that it imports itself."""
    monkeypatch.syspath_prepend(str(TOOLS))
    yield import_module(request.path.stem.removeprefix("test_"))
    for name in {path.stem for path in TOOLS.glob("*.py")} & sys.modules.keys():
        del sys.modules[name]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the file of a test that is marked so in a process of its own: locks of other threads stay held in a fork."""
    if pyfuncitem.get_closest_marker("own_process") is None or _ALONE in os.environ:
        return None
    code, said = _run_alone(pyfuncitem.path)
    assert code == 0, said
    return True


@cache
def _run_alone(file: Path) -> tuple[int, str]:
    """The exit code and the output of pytest for a file; it runs once."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", str(file)]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {_ALONE: "1"}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, env=settings, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout
