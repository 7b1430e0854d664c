"""Runs the tests of an area in a copy of the code, once for each mutation, each in a process of its own.

The processes are forked from one that has imported what is heavy, which makes a trial four times as fast.
"""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HEAVY = ("numpy", "pandas", "pyarrow.parquet", "torch", "soundfile", "soxr", "pydantic", "yaml", "typer", "tokenizers")
_UNASKED = "not shared and not slow and not gpu"
_SPARE_SECONDS = 15
_TIMES = 4


@dataclass(frozen=True)
class Trial:
    """Tests to run, and the code of a module to run them with.

    Attributes:
        tests: files and folders.
        leave_out: parts of the names of tests in these that do not run.
        module: path of the module; empty where nothing is changed.
        before: its code.
        after: its changed code.
        limit: seconds after which it counts as ended by the tests.
    """

    tests: tuple[str, ...]
    leave_out: tuple[str, ...] = ()
    module: str = ""
    before: str = ""
    after: str = ""
    limit: float = 3600


@dataclass(frozen=True)
class Outcome:
    """Whether the tests passed, how long that took, and what they printed."""

    passed: bool
    seconds: float
    told: str


def copied(root: Path, target: Path) -> Path:
    """A copy of what git does not ignore; `shared` beside it stays out of reach."""
    files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(files, cwd=root, capture_output=True, check=True).stdout  # noqa: S603
    for name in names.decode().split("\0"):
        if name and (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    return target


def limit_of(undisturbed: Outcome) -> float:
    """How long a trial may take where the tests of unchanged code took so long."""
    return _TIMES * undisturbed.seconds + _SPARE_SECONDS


def run(trials: Sequence[Trial], copies: Sequence[Path], told: Callable[[int, Outcome], None]) -> None:
    """Run trials, as many at a time as there are copies; `told` gets each one's number and outcome."""
    for name in HEAVY:
        importlib.import_module(name)
    waiting = list(enumerate(trials))
    running: dict[int, tuple[int, Trial, Path, float]] = {}
    free = list(copies)
    try:
        while waiting or running:
            while waiting and free:
                (number, trial), copy = waiting.pop(0), free.pop()
                running[_started(trial, copy)] = (number, trial, copy, time.monotonic())
            for process, (number, trial, copy, began) in list(running.items()):
                ended, status = os.waitpid(process, os.WNOHANG)
                took = time.monotonic() - began
                if not ended and took > trial.limit:
                    os.killpg(process, signal.SIGKILL)
                    _, status = os.waitpid(process, 0)
                elif not ended:
                    continue
                del running[process]
                if trial.module:
                    (copy / trial.module).write_text(trial.before, encoding="utf-8")
                free.append(copy)
                told(number, Outcome(status == 0, took, (copy / "told.txt").read_text(errors="replace")))
            time.sleep(0.02)
    finally:
        for process in running:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _started(trial: Trial, copy: Path) -> int:
    process = os.fork()
    if process:
        # The child does so too; whoever is second is refused.
        with suppress(OSError):
            os.setpgid(process, process)
        return process
    code = 70
    try:
        os.setpgid(0, 0)
        code = _tested(trial, copy)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _tested(trial: Trial, copy: Path) -> int:
    os.chdir(copy)
    target = os.open("told.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.path.insert(0, str(copy))
    os.environ["PYTHONPATH"] = str(copy)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    doctests: Iterable[str] = (trial.module,) if trial.module else ()
    for module in doctests:
        Path(module).write_text(trial.after, encoding="utf-8")
    import pytest

    names = " or ".join(trial.leave_out)
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-m", _UNASKED]
    options += ["-k", f"not ({names})"] if names else []
    return int(pytest.main([*options, *trial.tests, *doctests], plugins=[_FewExamples()]))


class _FewExamples:
    """A pytest plugin: a failure is enough, nobody reads the smallest one, and no trial begins with those of others."""

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutants", max_examples=30, derandomize=True, deadline=None, database=None, phases=phases
        )
        settings.load_profile("mutants")
