"""The command beside packages of others that are called like ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
START = f"""
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("lbar", {str(HOME / "lbar.py")!r})
lbar = module_from_spec(spec)
spec.loader.exec_module(lbar)
sys.argv = ["lbar", "--version"]
sys.path.append({str(HOME)!r})
lbar.main()
"""


def run(*options: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *options, "-c", START]
    return subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", ["harness", "systems", "leaderboard"])
def test_a_package_of_others_is_named_with_the_mend(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    for done in (run(folder=tmp_path), run("-P", folder=HOME.parent, PYTHONPATH=str(tmp_path))):
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"lbar: `import {name}` finds {tmp_path.resolve() / name / '__init__.py'}, which is not")
        assert "take it off PYTHONPATH" in line


def test_the_working_directory_does_not_matter_to_the_command(tmp_path: Path) -> None:
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").write_text("raise RuntimeError('not ours')")
    done = run("-P", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("lbar ")
