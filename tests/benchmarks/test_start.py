"""How long a person waits before anything happens."""

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.benchmark(group="start")
@pytest.mark.parametrize("arguments", [["-m", "lbar", "--help"], ["-c", "import harness"]], ids=["help", "import"])
def test_start(benchmark: BenchmarkFixture, arguments: list[str]) -> None:
    command = [sys.executable, *arguments]
    benchmark.pedantic(lambda: subprocess.run(command, capture_output=True, check=True), rounds=15, warmup_rounds=1)
