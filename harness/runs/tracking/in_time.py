"""Calls to MLflow in a process of its own, which ends when a call takes too long.

A server may be silent, send a byte now and then, or ask to come back in an hour. Whatever it does, and whatever the
libraries make of it, a process can be ended.
"""

import atexit
import faulthandler
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import IO, Any, TypeVar

from harness.errors import UserError, one_line
from harness.machine import own_process
from harness.runs.tracking.place import tracking_place
from harness.runs.tracking.quiet import quiet

R = TypeVar("R")

_VARIABLE = "LBAR_TRACKING_SECONDS"

_limit: float | None = None
"""Of the call that this process answers, in seconds; `None` in a process that answers none."""


def tracking_seconds(default: float = 10) -> float:
    """How long the tracking of a run may take: `LBAR_TRACKING_SECONDS`, or the default.

    Raises:
        UserError: it is not a positive number.
    """
    text = os.environ.get(_VARIABLE) or str(default)
    with suppress(ValueError):
        if 0 < (seconds := float(text)) < float("inf"):
            return seconds
    raise UserError(f"{_VARIABLE} is {text!r}; expected a number of seconds above 0, such as 10")


class _Helper:
    """The process of its own, as the one that asks sees it; started when it is first needed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def answer(self, question: object) -> Any:
        """Send a question and wait for the answer; `None` where the process ends instead."""
        with self._lock:
            try:
                process = self._running()
                assert process.stdin is not None
                assert process.stdout is not None
                pickle.dump(question, process.stdin)
                process.stdin.flush()
                return pickle.load(process.stdout)  # noqa: S301  (a process of ours wrote it)
            except (OSError, EOFError, pickle.UnpicklingError):
                self.stop()
                return None
            except BaseException:
                self.stop()
                raise

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            pipe = subprocess.PIPE
            command = own_process("from harness.runs.tracking.in_time import serve; serve()")
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603
        return self._process

    def forget(self) -> None:
        """Leave the process to the one that started it: a process that was forked from that has none yet."""
        self._lock, self._process = Lock(), None

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError, ValueError):
                self._process.communicate()
            self._process = None


_HELPER = _Helper()
atexit.register(_HELPER.stop)
os.register_at_fork(after_in_child=_HELPER.forget)


def in_time(call: Callable[[], R], out: Path, seconds: float | None = None) -> R:
    """Call a function in the process of its own.

    Args:
        call: can be pickled, as what it returns.
        out: the folder of run folders, whose MLflow store is used unless the user has another server.
        seconds: how long it may take, what is `unhurried` not counted; by default `tracking_seconds`.

    Raises:
        UserError: the function raises it, or did not return in time.
    """
    seconds = tracking_seconds() if seconds is None else seconds
    answer = _HELPER.answer((seconds, str(Path.cwd()), dict(os.environ), call))
    if answer is None:
        raise UserError(f"MLflow at {tracking_place(out)} took longer than {seconds:.3g} s ({_VARIABLE} sets how long)")
    result, error, logged = answer
    for record in logged:
        logging.getLogger(record.name).handle(record)
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


@contextmanager
def unhurried() -> Iterator[None]:
    """Leave what is done here out of the time limit: work of this machine, which ends by itself."""
    if _limit is None:
        yield
        return
    faulthandler.cancel_dump_traceback_later()
    try:
        yield
    finally:
        _start_clock()


def _start_clock() -> None:
    """End this process at its limit, by a thread below Python: whatever Python waits for."""
    assert _limit is not None
    faulthandler.dump_traceback_later(_limit, exit=True)


def serve() -> None:
    """Be the process that answers calls, until the one that asks is gone."""
    global _limit
    # Ctrl-C reaches both processes; the one that asks decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(sys.stdin.buffer, calls), daemon=True).start()
    # What a library prints is no part of an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logged: SimpleQueue[logging.LogRecord] = SimpleQueue()
    logging.getLogger("harness").addHandler(QueueHandler(logged))
    with suppress(Exception), quiet():
        pass  # It imports MLflow, which takes seconds in which nobody is waited for.
    while True:
        _limit, folder, environment, call = calls.get()
        os.environ.clear()
        os.environ.update(environment)
        result = error = None
        _start_clock()
        try:
            os.chdir(folder)
            result = call()
        except Exception as caught:
            error = caught if isinstance(caught, UserError) else RuntimeError(one_line(caught))
        faulthandler.cancel_dump_traceback_later()
        pickle.dump((result, error, [logged.get() for _ in range(logged.qsize())]), answers)
        answers.flush()


def _receive(source: IO[bytes], calls: "SimpleQueue[Any]") -> None:
    """Take calls, also while one is being answered; where the process that asks is gone, end at once."""
    while True:
        try:
            calls.put(pickle.load(source))  # noqa: S301  (the process that started this one wrote it)
        except Exception:
            os._exit(0)
