"""Calls in a process of its own."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.runs.tracking import in_time as module
from harness.runs.tracking.in_time import in_time


def ended(child: int, seconds: float = 60) -> int | None:
    """The exit code of a forked process, `None` where it has not ended in this time and was killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def test_the_answer_comes_from_another_process(tmp_path: Path) -> None:
    assert in_time(os.getpid, tmp_path, 60) not in (None, os.getpid())
    assert in_time(os.getpid, tmp_path, 60) == in_time(os.getpid, tmp_path, 60)


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_time(os.getpid, tmp_path, 60)
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"took longer than 0\.3 s"):
        in_time(_sleep, tmp_path, 0.3)
    assert time.monotonic() - begun < 30
    assert in_time(os.getpid, tmp_path, 60) is not None


def _sleep() -> None:
    time.sleep(300)


@pytest.mark.parametrize("what", [module._HELPER.stop, lambda: None])
def test_a_forked_process_ends_and_leaves_the_helper_of_the_first_alone(
    tmp_path: Path, what: Callable[[], object]
) -> None:
    helper = in_time(os.getpid, tmp_path, 60)
    child = os.fork()
    if child == 0:
        try:
            what()
        finally:
            os._exit(0)
    assert ended(child) == 0
    assert in_time(os.getpid, tmp_path, 60) == helper
