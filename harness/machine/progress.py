"""The progress of long work: a callback per stage, shown as bars where standard error is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

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


@contextmanager
def bars() -> Iterator[Progress]:
    """Bars with rate and time left on standard error; nothing where that is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "")

    console = Console(stderr=True)
    if not console.is_terminal:
        yield silent
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with RichProgress(*columns, console=console, transient=True) as shown:

        def start(stage: str, total: int) -> Advance:
            for ended in [task.id for task in shown.tasks if task.finished]:
                shown.remove_task(ended)
            task = shown.add_task(stage, total=total)
            return lambda step: shown.advance(task, step)

        yield start
