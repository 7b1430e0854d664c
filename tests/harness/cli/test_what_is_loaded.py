"""Commands import what they use, when they use it: a quick answer waits for no library that it does without."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.machine import own_process

LIBRARIES = {"torch", "sklearn", "scipy", "transformers", "mlflow", "sqlalchemy", "pandas", "matplotlib", "pyarrow"}
COMMAND = (
    f"libraries = {LIBRARIES | {'numpy'}}; import atexit;"
    "atexit.register(lambda: sys.stderr.write('loaded: ' + ' '.join(sorted(libraries & {*sys.modules}))));"
    "sys.argv = ['lbar', *sys.argv[1:]]; from harness.cli import main; main()"
)


def loaded(*arguments: object) -> tuple[str, list[str]]:
    """What a command says, and which libraries its process has loaded at its end."""
    command = [*own_process(COMMAND), *map(str, arguments)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True, timeout=120)
    said, _, libraries = done.stderr.partition("loaded: ")
    return done.stdout + said, libraries.split()


@pytest.mark.parametrize(
    ("arguments", "libraries"),
    [
        (["systems"], []),
        (["systems", "linear"], ["numpy"]),
        (["protocols"], ["numpy"]),
        (["cache"], ["numpy"]),
        (["train", "passt-stage1-clotho", "--help"], []),
    ],
    ids=" ".join,
)
def test_of_a_listing(arguments: list[str], libraries: list[str], tmp_path: Path) -> None:
    assert loaded(*arguments, *(["--out", tmp_path] if "linear" in arguments else []))[1] == libraries


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("system", ["linear", "tiny-mn"])
def test_of_a_finished_run(
    system: str, tones: Callable[..., Path], migrated_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what computes it nor what tracks it."""
    monkeypatch.chdir(migrated_runs.parent)
    arguments = ["eval", system, "--protocol", "folder", "--data-root", str(tones()), "--device", "cpu"]
    first = CliRunner().invoke(build(), arguments)
    assert first.exit_code == 0, first.output
    said, libraries = loaded(*arguments)
    assert "evaluated before" in said
    assert libraries == ["numpy"]
    assert loaded("board", "--protocol", "folder")[1] == ["numpy"]
