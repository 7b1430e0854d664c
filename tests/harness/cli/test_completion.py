"""What a shell proposes after Tab, which has to come at once."""

import os
import subprocess

import pytest

from harness.cli.app import own_command
from harness.machine import own_process

COMPLETE = (
    "import atexit; heavy = {'torch', 'pandas', 'mlflow'};"
    "atexit.register(lambda: sys.stderr.write(' '.join(heavy & {*sys.modules})));"
    "sys.argv = ['lbar']; from harness.cli import main; main()"
)


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("lbar ev", ["eval"]),
        ("lbar eval tiny-passt-m", ["tiny-passt-m1", "tiny-passt-m3"]),
        ("lbar eval random --protocol clotho-d", ["clotho-dcase2024", "clotho-dcase2025"]),
        ("lbar data verify cl", ["clotho"]),
        ("lbar train tiny-mn-m", ["tiny-mn-m1", "tiny-mn-m3"]),
    ],
)
def test_names_are_completed_without_importing_what_is_heavy(typed: str, proposed: list[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_LBAR_COMPLETE": "complete_bash"}
    done = subprocess.run(own_process(COMPLETE), env=os.environ | words, capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (proposed, "")


def test_zsh_too() -> None:
    words = {"_TYPER_COMPLETE_ARGS": "lbar systems fetch tiny-atst-m", "_LBAR_COMPLETE": "complete_zsh"}
    done = subprocess.run(own_command(), env=os.environ | words, capture_output=True, text=True, timeout=60)
    assert done.stdout.split('"')[1::2] == ["tiny-atst-m1", "tiny-atst-m3"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_it_is_installed_by_one_option(shell: str, tmp_path: os.PathLike[str]) -> None:
    """Into the home folder's file that the shell reads."""
    home = os.environ | {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = own_command("--install-completion", shell)
    done = subprocess.run(command, env=home, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"{shell} completion installed in {tmp_path}" in done.stdout
