"""Tests of the tools; those that fork run in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ALONE = "LBAR_TEST_IN_OWN_PROCESS"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is marked so in a process of its own: locks that other threads hold stay held in a fork."""
    if pyfuncitem.get_closest_marker("own_process") is None or _ALONE in os.environ:
        return None
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", pyfuncitem.nodeid]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {_ALONE: "1"}
    done = subprocess.run(command, cwd=root, env=settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    return True
