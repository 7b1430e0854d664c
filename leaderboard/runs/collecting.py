"""Which runs the board compares, and which it sets aside and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError
from harness.interface import beside_the_sound, recorded_training_of
from harness.protocols import recorded_protocol
from harness.runs import EvaluationRecord, SpeedRecord, find_runs, read_any_record
from leaderboard.runs.per_query import require_per_query
from leaderboard.runs.speed import Speed

_LONGEST_NAME = 60
_MARK = "†"
_MEANING = (
    f"{_MARK} uses what is written beside the clips (keywords), not their sound alone; not to be compared with systems "
    "that hear only."
)


@dataclass(frozen=True, slots=True)
class Row:
    """A run that may be compared with others of its protocol and data."""

    folder: Path
    record: EvaluationRecord


@dataclass(frozen=True, slots=True)
class SetAside:
    """A run that may not be compared with others, and why; `record` is `None` where it could not be read."""

    folder: Path
    record: EvaluationRecord | None
    reason: str


@dataclass(frozen=True, slots=True)
class Board:
    """The runs of a folder that a board shows: the newest of each system, protocol and data set, and all speeds."""

    rows: tuple[Row, ...]
    set_aside: tuple[SetAside, ...]
    speeds: tuple[Speed, ...] = ()

    def only(self, protocols: Sequence[str]) -> "Board":
        """The same for these protocols; for all where none is named."""
        if not protocols:
            return self
        return replace(
            self,
            rows=tuple(row for row in self.rows if row.record.protocol.name in protocols),
            set_aside=tuple(run for run in self.set_aside if run.record and run.record.protocol.name in protocols),
        )


ABOUT = "result.yaml"
"""The file that makes a folder one of the results that come with lbar, beside its record."""


def is_result(folder: Path) -> bool:
    """Whether a folder is a result that somebody handed in, and not a run folder."""
    return (folder / ABOUT).is_file()


def collect(*outs: Path) -> Board:
    """Read the run folders in one or several folders.

    Of several comparable runs of one system (name, digest, precision) under one protocol and on the same data only the
    newest is kept, and likewise of several that are set aside for the same reason. A run that two folders hold counts
    once, which is no fault where one of them is a result that was handed in. A record of a kind that the board does not
    know is set aside.
    """
    rows: dict[tuple[str | None, ...], Row] = {}
    set_aside: dict[tuple[str | None, ...], SetAside] = {}
    speeds: list[Speed] = []
    runs: dict[str, Row] = {}
    for folder in (folder for out in outs for folder in find_runs(out, kind=None)):
        record = None
        try:
            found = read_any_record(folder)
            if isinstance(found, SpeedRecord):
                speeds.append(Speed(folder, found))
                continue
            record = found
            require_per_query(folder, record)
            run = Row(folder, record)
            twin = runs.setdefault(run.record.id, run)
            if twin is not run and not is_result(folder):
                raise UserError(f"{folder} holds the same run as {twin.folder}; delete one of them")
        except UserError as error:
            set_aside[folder.name,] = SetAside(folder, record, str(error))
    # Later entries replace earlier ones.
    for run in sorted(runs.values(), key=lambda run: (run.record.created, run.record.id)):
        record = run.record
        key = (
            record.system.name,
            record.system.digest,
            record.settings.precision,
            record.protocol.digest,
            record.dataset.digest,
            record.dataset.audio_digest,
        )
        reason = reason_against(record)
        if reason is None:
            rows[key] = run
        else:
            set_aside[*key, record.protocol.name, reason] = SetAside(run.folder, record, reason)
    disturbed = [
        SetAside(speed.folder, None, f"speed of {speed.record.system.name}: {'; '.join(speed.record.reasons)}")
        for speed in speeds
        if not speed.record.comparable
    ]
    return Board(tuple(rows.values()), (*set_aside.values(), *disturbed), tuple(speeds))


def reason_against(record: EvaluationRecord) -> str | None:
    """Why a run may not be compared with others, in one line; `None` where it may."""
    protocol = recorded_protocol(record.protocol.name, record.protocol.rules)
    if protocol is None:
        return f"this version of lbar has no protocol {record.protocol.name}"
    if protocol.digest != record.protocol.digest:
        return (
            f"evaluated under other rules of {protocol.name} (digest {record.protocol.digest[:8]}); evaluate it again"
        )
    if not record.comparable:
        return "; ".join(record.reasons)
    training = recorded_training_of(record.system.card)
    if training and training.leaks == "allow":
        return "its card allows leaks: it may have learned from what it is evaluated on"
    return None


def marked(name: str, uses: Sequence[str]) -> str:
    """The name of a system, marked where it uses more of a clip than its sound.

    >>> marked("hybrid", ["keywords"]), marked("linear", [])
    ('hybrid †', 'linear')
    """
    return f"{name} {_MARK}" if beside_the_sound(uses) else name


def note_on_marks(names: Iterable[str]) -> tuple[str, ...]:
    """A line that says what the mark means; none where no name has it."""
    return (_MEANING,) if any(name.endswith(_MARK) for name in names) else ()


def labels(records: Sequence[EvaluationRecord]) -> tuple[str, ...]:
    """Names for runs that stand side by side: the system's name, cut where it is long, and more where names agree.

    Systems that use more than sound are marked.
    """
    names = tuple(_cut(record.system.name) for record in records)
    for more in _DISTINCTIONS:
        often = Counter(names)
        names = tuple(
            f"{name} {more(record)}".rstrip() if often[name] > 1 else name
            for name, record in zip(names, records, strict=True)
        )
    return tuple(marked(name, record.system.uses) for name, record in zip(names, records, strict=True))


_DISTINCTIONS: tuple[Callable[[EvaluationRecord], str], ...] = (
    lambda record: "" if record.settings.precision == "fp32" else record.settings.precision,
    lambda record: (record.system.digest or "")[:8],
    lambda record: f"{record.created:%Y-%m-%d %H:%M:%S}",
    lambda record: record.id[:8],
)
"""What is added in turn to the names of runs as long as these agree."""


def _cut(name: str) -> str:
    """The name in one line of at most 60 characters.

    >>> len(_cut("x" * 10_000)), _cut("linear")
    (60, 'linear')
    """
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def stage_of(record: EvaluationRecord) -> str:
    """The stage of the two-stage method that a system was trained by; empty where its card has no training section.

    In `stage 1` only the caption of a clip matches it; in `stage 2` M teachers estimate the other correspondences.
    """
    training = recorded_training_of(record.system.card)
    if training is None:
        return ""
    return f"stage 2, M={len(training.teachers)}" if training.teachers else "stage 1"


def board_from(out: Path, *more: Path, mlflow: bool = False) -> Board:
    """All runs of a folder, or of its MLflow store (`MLFLOW_TRACKING_URI` where the user has another server).

    Both give the same board, since whole run folders are mirrored. `more` are further folders, such as that of results.

    Raises:
        UserError: MLflow cannot be reached.
    """
    if not mlflow:
        return collect(out, *more)
    from harness.runs import local_copy

    copy, refused = local_copy(out)
    board = collect(copy, *more)
    return replace(
        board, set_aside=(*board.set_aside, *(SetAside(Path(name), None, reason) for name, reason in refused))
    )
