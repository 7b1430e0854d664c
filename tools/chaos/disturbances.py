"""Run a command in a process of its own that is killed, interrupted or given a full disk at a chosen moment.

The processes are forked from this one, in which everything is imported already, so that a moment costs its command and
not Python's start. Moments are counted in what a command does and not in seconds, which depend on the machine: files
that it opens for writing, renames, makes and removes, or processor time.
"""

import atexit
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link", "tempfile.mkdtemp"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens to a command, and when.

    Attributes:
        how: a signal's name, or `full disk`.
        unit: what the moment is counted in: `changes` to the folder, `processor` time, that of processes which the
            command starts included, or `bytes` that fit on the disk.
        moment: when, between 0 and 1, where 1 is the end of the undisturbed command.
    """

    how: str
    unit: str
    moment: float

    def __str__(self) -> str:
        return f"{self.how} at {self.moment:.3f} of its {self.unit}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: its exit code; negative for a signal.
        said: what it wrote.
        changes: how often it changed something in its folder.
        seconds: the processor time it took.
    """

    code: int
    said: str
    changes: int = 0
    seconds: float = 0.0


def forked(
    command: Callable[[], object],
    folder: Path,
    arm: Callable[[], object],
    limit: float,
    strike: tuple[float, int] | None = None,
) -> Outcome:
    """Run a command in a folder, in a forked process; one that runs for more than `limit` seconds is killed.

    Args:
        command: to be run.
        folder: where.
        arm: called in the process before the command.
        limit: in seconds.
        strike: after how much processor time a signal is sent, and which one: SIGTERM to the process alone, the others
            to those that it has started as well, as when a machine stops or somebody types Ctrl-C.
    """
    # What is written goes through a pipe, which a limit on files does not concern.
    reading, writing = os.pipe()
    with tempfile.NamedTemporaryFile("r") as counted, open(reading, "rb") as output:  # noqa: PTH123
        process = os.fork()
        if process == 0:
            _child(command, folder, arm, writing, Path(counted.name))
        # The child does so too; whoever is second is refused.
        with contextlib.suppress(OSError):
            os.setpgid(process, process)
        os.close(writing)
        os.set_blocking(reading, False)
        said, code, used = _waited(process, output, limit, strike)
        return Outcome(code, said, int(counted.read() or 0), used)


def _waited(process: int, output: IO[bytes], limit: float, strike: tuple[float, int] | None) -> tuple[str, int, float]:
    """Wait for a process: what it wrote, its exit code, and the processor time it used."""
    deadline = time.monotonic() + limit
    said = b""
    found = 0
    while not found:
        late = time.monotonic() > deadline
        if late:
            os.killpg(process, signal.SIGKILL)
        said += output.read() or b""
        if strike and _used_by_group(process) >= strike[0]:
            (os.kill if strike[1] == signal.SIGTERM else os.killpg)(process, strike[1])
            strike = None
        found, status, usage = os.wait4(process, 0 if late else os.WNOHANG)
        time.sleep(0.02)
    said += output.read() or b""
    text = said.decode(errors="replace") + (f"\nkilled after {limit:.0f} s without an end" if late else "")
    return text, os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


def _used_by_group(group: int) -> float:
    """Processor time in seconds of a process and of those that it has started."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold blanks.
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _child(command: Callable[[], object], folder: Path, arm: Callable[[], object], output: int, counted: Path) -> None:
    """Be the process; it ends in here, also where a signal comes when the command has ended."""
    try:
        _run(command, folder, arm, output, counted)
    finally:
        os._exit(3)


def _run(command: Callable[[], object], folder: Path, arm: Callable[[], object], output: int, counted: Path) -> None:
    code = 1
    try:
        # Temporary folders of the parent process are not this one's to remove.
        weakref.finalize._registry.clear()  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        os.chdir(folder)
        os.environ |= {
            "LBAR_CACHE": str(folder / "cache"),
            "LBAR_RUNS": str(folder / "runs"),
            "LBAR_WEIGHTS": str(folder / "weights"),
            "TMPDIR": str(folder / "tmp"),
            # A busy machine is no server that is silent.
            "LBAR_TRACKING_SECONDS": "120",
        }
        tempfile.tempdir = None
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            signal.signal(number, handler)
        arm()
        command()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        # It came before the command began, or after it had ended.
        code = 3
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            counted.write_text(str(_Changes.count))
        os._exit(code)


class _Changes:
    """Counts what a process changes in a folder, and calls a function at one of the changes."""

    count = 0

    def __init__(self, folder: Path, at: int, then: Callable[[], object]) -> None:
        self._folder, self._at, self._then = str(folder), at, then

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            relevant = isinstance(arguments[2], int) and bool(arguments[2] & _WRITES)
        else:
            relevant = event in _CHANGES
        if not relevant or not arguments or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.fsdecode(arguments[0])
        if path.startswith("/") and not path.startswith(self._folder):
            return
        _Changes.count += 1
        if _Changes.count == self._at:
            self._then()


def armed(disturbance: Disturbance | None, folder: Path, whole: Outcome | None) -> Callable[[], None]:
    """What sets up a disturbance in the process that it is meant for; `None` only counts."""

    def arm() -> None:
        if disturbance is None or whole is None:
            sys.addaudithook(_Changes(folder, -1, lambda: None))
            return
        if disturbance.how == "full disk":
            if disturbance.unit == "bytes a file":
                # A larger file than this cannot be written; the signal that says so is ignored, as on a full disk.
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                most = int(10 ** (1 + 6 * disturbance.moment))
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            return
        number = signal.Signals[disturbance.how]
        if disturbance.unit == "changes":
            end = lambda: os.kill(os.getpid(), number)  # noqa: E731
            sys.addaudithook(_Changes(folder, 1 + int(disturbance.moment * whole.changes), end))

    return arm


def struck(disturbance: Disturbance, whole: Outcome) -> tuple[float, int] | None:
    """After how much processor time a signal comes, and which one, where that is what happens."""
    if disturbance.unit != "processor":
        return None
    return disturbance.moment * whole.seconds, signal.Signals[disturbance.how]


def can_mount() -> bool:
    """Whether this process may mount a small disk of its own."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with disk(Path(folder), 1 << 20):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


@contextlib.contextmanager
def disk(folder: Path, size: int) -> Iterator[Callable[[int], None]]:
    """Mount a disk of so many bytes at a folder; the function that is returned gives it another size."""

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)  # noqa: S603, S607

    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    try:
        yield lambda larger: mount("-o", f"remount,size={larger}")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)  # noqa: S603, S607
