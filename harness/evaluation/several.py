"""Evaluate several systems one after the other: what one of them gets wrong does not stop the next."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Generic, NamedTuple, TypeVar

from harness.datasets import missing_for
from harness.errors import UserError
from harness.evaluation.asked_system import AskedSystem
from harness.evaluation.evaluating import Run, evaluate_prepared, finished_run
from harness.evaluation.options import Options
from harness.evaluation.preparing import PreparedTask, odd_sounds, prepare
from harness.evaluation.rows.shared_rows import sharing
from harness.evaluation.spreading.spread import machines_on
from harness.interface import listings, look_at, require_fitting, trained_without
from harness.machine import Progress, silent
from harness.protocols import Protocol
from harness.runs import try_mirror

B = TypeVar("B")
P = TypeVar("P")
R = TypeVar("R")


class Batch(NamedTuple, Generic[R]):
    """The finished runs in the order of the systems, and the error of each system that failed, by its name."""

    runs: tuple[R, ...]
    failures: dict[str, UserError]


def run_each(
    names: Iterable[str],
    build: Callable[[str], B],
    rate_of: Callable[[B], int],
    prepare: Callable[[int], P],
    run: Callable[[str, B, P], Iterable[R]],
    mirror: Callable[[R], str | None],
    say: Callable[[str], None],
    *,
    optional: bool = False,
) -> Batch[R]:
    """Build and run systems one after the other: the error of one of them does not stop the next.

    Args:
        names: the systems.
        build: builds a system.
        rate_of: the sampling rate in Hz at which it takes clips.
        prepare: prepares what is asked for a sampling rate in Hz; called once for each rate.
        run: evaluates or measures a system, once or several times.
        mirror: copies a run into MLflow and returns a warning where that fails; it is then not tried again.
        say: receives the warning.
        optional: whether a system that cannot be built is left out, with a line, instead of being a failure.

    Raises:
        UserError: `prepare` fails, which no system could help.
    """
    prepared: dict[int, P] = {}
    runs: list[R] = []
    failures: dict[str, UserError] = {}
    mirrors = True
    for name in names:
        try:
            built = build(name)
            rate = rate_of(built)
        except UserError as error:
            if optional:
                say(f"{name}: not available: {error}")
            else:
                failures[name] = error
            continue
        if rate not in prepared:
            prepared[rate] = prepare(rate)
        try:
            for done in run(name, built, prepared[rate]):
                runs.append(done)
                if mirrors and (warning := mirror(done)):
                    mirrors = False
                    say(f"{name}: {warning}")
        except UserError as error:
            failures[name] = error
    return Batch(tuple(runs), failures)


def evaluate_all(
    names: Sequence[str],
    protocols: Protocol | Sequence[Protocol],
    options: Options,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = print,
) -> Batch[Run]:
    """Evaluate systems, mirror each run folder into MLflow, and report each in a line.

    Args:
        names: as `build_system` takes them; none means every registered system whose parts are all here.
        protocols: the rules, one or several; clips and captions that they share are embedded once.
        options: how to evaluate; each system is built for its `device` and `precision`.
        progress: opened for every stage.
        say: receives the lines.

    Raises:
        UserError: the data set is missing or broken, or none of the systems has its files here; then all that is
            missing is listed.
    """
    asked = [protocols] if isinstance(protocols, Protocol) else list(protocols)
    if names and all(map(_lacks_files, names)):
        missing = missing_for(names, options.data_root, splits=[(one.dataset, one.split) for one in asked])
        if error := missing.error(", ".join(names)):
            require_fitting(names)
            raise error
    if options.workers:
        # What is wrong with them is told before anything is decoded.
        machines_on(options.workers.on)

    def run_all(name: str, asked: AskedSystem, tasks: Sequence[PreparedTask]) -> Iterator[Run]:
        for done in _runs(name, asked, tasks, options, progress):
            say(_result(name, done))
            if worse := done.record.below_chance:
                say(f"{name}: {worse}; a larger score is a better match: look whether its are distances")
            for line in trained_without(done.record.system.card):
                say(f"{name} was trained {line}")
            yield done

    return run_each(
        names or _available(say),
        lambda name: AskedSystem(name, options),
        lambda asked: asked.record.sample_rate,
        _preparer(asked, options, progress, say),
        run_all,
        lambda done: try_mirror(done.folder, out=options.out),
        say,
        optional=not names,
    )


def _runs(
    name: str, asked: AskedSystem, tasks: Sequence[PreparedTask], options: Options, progress: Progress
) -> Iterator[Run]:
    """A system's runs; it is built only where one of them is not finished."""
    if asked.recalled:
        finished = [finished_run(asked.record, prepared, asked.options) for prepared in tasks]
        if None not in finished:
            yield from filter(None, finished)
            return
    built = asked.built
    with sharing(built.system) if len(tasks) > 1 else nullcontext():
        for prepared in tasks:
            yield evaluate_prepared(built.system, prepared, options.told(name, built), progress=progress)


def _preparer(
    protocols: Sequence[Protocol], options: Options, progress: Progress, say: Callable[[str], None]
) -> Callable[[int], list[PreparedTask]]:
    """The function that prepares the tasks of all protocols for a sampling rate, and says once which sound is odd."""
    said: list[list[str]] = []

    def prepare_tasks(rate: int) -> list[PreparedTask]:
        tasks = []
        for protocol in protocols:
            prepared = prepare(
                protocol,
                options.data_root,
                rate,
                skip_broken=options.skip_broken,
                limit=options.limit,
                progress=progress,
            )
            tasks.append(prepared)
            lines = odd_sounds(prepared.remarked, len(prepared.task.clips))
            if lines not in said:
                said.append(lines)
                for line in lines:
                    say(line)
        return tasks

    return prepare_tasks


def _lacks_files(name: str) -> bool:
    """Whether a system has files that are not here; of a name or a card that is wrong, building it tells."""
    try:
        return bool(look_at(name).missing)
    except UserError:
        return False


def _available(say: Callable[[str], None]) -> list[str]:
    """The registered systems whose files are here; the others are counted in one line."""
    listed = listings()
    absent = [system for system in listed if system.missing]
    if absent:
        count = f"{len(absent)} of {len(listed)} systems"
        say(f"left out, as their weights are not here: {count}; `lbar systems` lists them")
    return [system.name for system in listed if not system.missing]


def _result(name: str, run: Run) -> str:
    record = run.record
    when = "evaluated before" if run.reused else f"in {record.seconds.total:.1f} s"
    return f"{name}: {record.primary} on {record.protocol.name}, {when}: {run.folder}"
