import errno
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from harness.cli.app import own_command
from harness.errors import UserError
from harness.machine import temporary_folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_it_is_empty_and_gone_afterwards(place: Path) -> None:
    with temporary_folder() as folder:
        assert list(folder.iterdir()) == []
        assert folder.is_relative_to(place)
        (folder / "file").touch()
    assert list(place.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), temporary_folder():
        raise KeyboardInterrupt
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(place: Path) -> None:
    code = (
        "import sys, time; from harness.machine import temporary_folder\n"
        "with temporary_folder() as folder: print(folder, flush=True); time.sleep(600)"
    )

    def start() -> tuple["subprocess.Popen[str]", Path]:
        process = subprocess.Popen([*own_command()[:2], "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip()).parent

    (killed, abandoned), (running, used) = start(), start()
    with killed, running:
        try:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            (place / "lbar-of-something-else").mkdir()
            # One that was ended before it had a lock.
            (place / "lbar-work-without").mkdir()
            for folder in (abandoned, used, place / "lbar-work-without", place / "lbar-of-something-else"):
                os.utime(folder, (time.time() - 100,) * 2)
            with temporary_folder() as own:
                assert set(place.iterdir()) == {used, own.parent, place / "lbar-of-something-else"}
        finally:
            running.kill()


def test_where_none_can_be_made_that_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)
    with pytest.raises(UserError, match=f"in {place} .*: No space left on device; make room"), temporary_folder():
        pass


def test_one_that_another_process_has_just_made_stays(place: Path) -> None:
    """It may not have locked it yet."""
    (place / "lbar-work-new").mkdir()
    (place / "lbar-work-new" / ".lock").touch()
    with temporary_folder():
        pass
    assert (place / "lbar-work-new").exists()
