"""Bars where somebody is watching, nothing elsewhere."""

import os
import pty
import subprocess
import sys

PROGRAM = """
from harness.machine.progress import bars
with bars() as progress:
    for stage in ("decode", "embed"):
        advance = progress(stage, 3)
        for _ in range(3):
            advance(1)
"""


def test_nothing_where_standard_error_is_no_terminal() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_bar_per_stage_on_a_terminal() -> None:
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=terminal, env={**os.environ, "TERM": "xterm"}
    ) as process:
        output, _ = process.communicate(timeout=30)
    os.close(terminal)
    shown = os.read(screen, 65536).decode()
    os.close(screen)
    assert process.returncode == 0
    assert output == b""
    assert "decode" in shown
    assert "embed" in shown
    assert "3/3" in shown
