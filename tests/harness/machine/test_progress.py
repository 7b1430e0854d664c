"""Bars where somebody is watching, a line a minute elsewhere."""

import os
import pty
import subprocess
import sys
import time

import pytest

from harness.machine.progress import lines

PROGRAM = """
from harness.machine.progress import bars
with bars() as progress:
    for stage in ("decode", "embed"):
        advance = progress(stage, 3)
        for _ in range(3):
            advance(1)
"""


def test_nothing_of_short_work_where_standard_error_is_no_terminal() -> None:
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


def test_a_line_a_minute_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    written: list[str] = []
    start = lines(write=written.append)
    advance = start("decode\x1b[2J", 1_045)
    for _ in range(250):
        now += 0.5
        advance(1)
    assert written == [
        "decode␛[2J: 120 of 1,045, 2 a second, 7 min left\n",
        "decode␛[2J: 240 of 1,045, 2 a second, 6 min left\n",
    ]
    # The next stage does not begin with a line of its own, and a slow one says what a step takes.
    written.clear()
    advance = start("train", 3)
    for _ in range(3):
        now += 7_200
        advance(1)
    assert written == [
        "train: 1 of 3, 2 h 0 min each, 4 h 0 min left\n",
        "train: 2 of 3, 2 h 0 min each, 2 h 0 min left\n",
        "train: 3 of 3, 2 h 0 min each\n",
    ]
    # A total that is not known, and a download that begins again.
    written.clear()
    advance = start("get", 0)
    now += 60
    advance(600)
    now += 60
    advance(-600)
    assert written == ["get: 600, 10 a second\n"]
