"""Bars where somebody is watching, a line a minute elsewhere."""

import os
import pty
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from harness.machine.progress import bars, lines

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


class Notebook:
    """As much of IPython as the bar uses, in a kernel; it keeps what the cell shows."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.display = SimpleNamespace(HTML=str, display=self._display)

    def get_ipython(self) -> object:
        return SimpleNamespace(kernel=object())

    def _display(self, html: str, display_id: bool) -> object:
        assert display_id
        self.shown.append(html)
        return SimpleNamespace(update=self.shown.append)


def test_a_bar_below_the_cell_of_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setattr("harness.machine.progress._SECONDS", 0)
    with bars() as progress:
        advance = progress("<decode>", 4)
        for _ in range(4):
            advance(1)
    first, *_, last, none = notebook.shown
    assert (first, none) == ("", "")
    assert last.startswith('<progress value="4" max="4"></progress> &lt;decode&gt;: 4 of 4, ')
    assert "left" not in last
    assert " left" in notebook.shown[1]
    assert len(notebook.shown) == 6
    assert capsys.readouterr() == ("", "")


def test_a_terminal_of_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    with bars() as progress:
        progress("decode", 1)(1)
