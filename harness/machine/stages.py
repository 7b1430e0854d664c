"""Where the time goes: work marks its stages, and an active meter adds up what each of them takes.

Without a meter a stage costs well under a microsecond.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

STAGES = ("decode", "resample", "transfer", "mel", "encode", "project", "score", "rank")
"""The stages between a file and a ranked list, in order."""


class StageMeter:
    """Adds up a quantity that only grows (seconds, operations) by stage.

    What happens in a stage inside another one counts for the inner one only.

    >>> ticks = iter([0, 1, 3, 7])
    >>> meter = StageMeter(lambda: next(ticks))
    >>> with metered(meter), stage("encode"), stage("mel"):
    ...     pass
    >>> meter.spent
    {'encode': 5.0, 'mel': 2.0}
    """

    def __init__(self, read: Callable[[], float]) -> None:
        """`read` returns the current value of the quantity."""
        self._read = read
        self._open: list[str] = []
        self._since = 0.0
        self._spent: defaultdict[str, float] = defaultdict(float)

    @property
    def spent(self) -> dict[str, float]:
        """The total of each stage, in the order in which they began."""
        return dict(self._spent)

    def enter(self, name: str) -> None:
        """A stage begins."""
        self._settle()
        self._spent[name] += 0
        self._open.append(name)

    def leave(self) -> None:
        """The innermost stage ends."""
        self._settle()
        self._open.pop()

    def _settle(self) -> None:
        now = self._read()
        if self._open:
            self._spent[self._open[-1]] += now - self._since
        self._since = now


_meter: ContextVar[StageMeter | None] = ContextVar("meter", default=None)


class stage:  # noqa: N801
    """A context manager that marks a stage of this thread's work; the work of other threads is not counted."""

    __slots__ = ("_meter", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._meter: StageMeter | None = None

    def __enter__(self) -> None:
        self._meter = _meter.get()
        if self._meter is not None:
            self._meter.enter(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._meter is not None:
            self._meter.leave()


def is_metered() -> bool:
    """Whether this thread is metered: then no work should go to other threads, where it would not be counted."""
    return _meter.get() is not None


@contextmanager
def metered(meter: StageMeter) -> Iterator[None]:
    """Have a meter count the stages of this thread."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)
