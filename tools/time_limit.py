"""A limit on time that holds whatever is being computed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTime(BaseException):
    """Ends a part wherever it is; like Ctrl-C it is no error that anybody might catch."""


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the block after so many seconds."""

    def end(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, end)
    try:
        if seconds <= 0:
            raise OutOfTime
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
