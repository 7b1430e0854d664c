"""The progress of long work: a callback per stage; bars where someone watches, else a line a minute."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, Protocol

from harness.machine.visible_text import visible

_SECONDS = 0.2
"""Between two changes of a notebook's bar."""

Advance = Callable[[int], None]
"""Called after each step with the number of items it has finished."""


class Progress(Protocol):
    """Opens one stage of work and returns the callback that advances it."""

    def __call__(self, stage: str, total: int) -> Advance:
        """Start the stage called `stage`, of `total` items."""
        ...


def silent(stage: str, total: int) -> Advance:  # noqa: ARG001
    """Show nothing."""
    return lambda _: None


def lines(every: float = 60.0, write: Callable[[str], object] | None = None) -> Progress:
    """Progress in lines with rate and time left, for a log: one whenever so many seconds have passed.

    Args:
        every: seconds between two lines; work that takes less leaves none.
        write: receives each line with its end; by default standard error.
    """
    return _now_and_then(every, time.monotonic(), lambda line, *_: (write or sys.stderr.write)(f"{line}\n"))


def _now_and_then(every: float, last: float, tell: Callable[[str, int, int], object]) -> Progress:
    """Tell what is done, in a line and as numbers, when so many seconds have passed since the last time."""

    def start(stage: str, total: int) -> Advance:
        began, done = time.monotonic(), 0

        def advance(step: int) -> None:
            nonlocal last, done
            done += step
            now = time.monotonic()
            if now - last < every or done <= 0:
                return
            last = now
            tell(_so_far(stage, done, total, now - began), done, total)

        return advance

    return start


def _so_far(stage: str, done: int, total: int, seconds: float) -> str:
    """What is done, with rate and time left, in a line."""
    rate = done / seconds if seconds > 0 else float("inf")
    counted = f"{done:,} of {total:,}" if total > 0 else f"{done:,}"
    left = f", {duration((total - done) / rate)} left" if total > done else ""
    speed = f"{rate:,.0f} a second" if rate >= 1 else f"{duration(1 / rate)} each"
    return f"{visible(stage)}: {counted}, {speed}{left}"


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(5.2), duration(200), duration(8000), duration(200_000)
    ('5 s', '3 min', '2 h 13 min', '55 h 33 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(int(seconds // 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _notebook() -> Any:
    """IPython's own module where this process is a notebook's, otherwise `None`."""
    ipython: Any = sys.modules.get("IPython")
    return ipython if ipython and hasattr(ipython.get_ipython(), "kernel") else None


@contextmanager
def _below_the_cell(ipython: Any) -> Iterator[Progress]:
    """A bar in a notebook, of the stage that runs; it goes when the work is done."""
    html = ipython.display.HTML
    shown = ipython.display.display(html(""), display_id=True)

    def show(line: str, done: int, total: int) -> None:
        bar = f'<progress value="{done}" max="{max(total, done)}"></progress>'
        shown.update(html(f"{bar} {escape(line)}"))

    try:
        yield _now_and_then(_SECONDS, 0.0, show)
    finally:
        shown.update(html(""))


@contextmanager
def bars() -> Iterator[Progress]:
    """Bars with rate and time left, on a terminal's standard error or in a notebook; elsewhere `lines`."""
    if ipython := _notebook():
        with _below_the_cell(ipython) as progress:
            yield progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "")

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lines()
        return
    described = TextColumn("{task.description}", markup=False)
    columns = (described, BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with RichProgress(*columns, console=console, transient=True) as shown:

        def start(stage: str, total: int) -> Advance:
            for ended in [task.id for task in shown.tasks if task.finished]:
                shown.remove_task(ended)
            task = shown.add_task(visible(stage), total=total)
            return lambda step: shown.advance(task, step)

        yield start
