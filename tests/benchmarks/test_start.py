"""How long a person waits before anything happens, or for what is done already.

pytest tests/benchmarks/test_start.py --benchmark-only
"""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

COMMANDS = {
    "help": ["-m", "lbar", "--help"],
    "import": ["-c", "import harness"],
    "systems": ["-m", "lbar", "systems"],
    "doctor": ["-m", "lbar", "doctor"],
    "a finished run": ["-m", "lbar", "eval", "tiny-passt"],
    "three finished runs": ["-m", "lbar", "eval", "tiny-passt", "tiny-atst", "tiny-mn"],
}


@pytest.mark.benchmark(group="start")
@pytest.mark.parametrize("name", COMMANDS)
def test_start(benchmark: BenchmarkFixture, name: str, tmp_path: Path) -> None:
    """The first round, which is not counted, makes what the others find."""
    command = [sys.executable, *COMMANDS[name]]

    def run() -> None:
        subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)

    benchmark.pedantic(run, rounds=15, warmup_rounds=1)
