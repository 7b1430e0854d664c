"""Tests of the tools; files of tests that fork run in a process of their own."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

_ALONE = "LBAR_TEST_IN_OWN_PROCESS"


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
