"""Which runs stand on the board, and which stand apart and why."""

from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.protocols import PROTOCOLS
from harness.records import EvaluationRecord
from harness.run_folder import find_runs, read_record


@dataclass(frozen=True, slots=True)
class Row:
    """A run that may stand beside others of its protocol and data."""

    folder: Path
    record: EvaluationRecord


@dataclass(frozen=True, slots=True)
class SetAside:
    """A run that may not, in one line; `record` is `None` where it could not be read."""

    folder: Path
    record: EvaluationRecord | None
    reason: str


@dataclass(frozen=True, slots=True)
class Board:
    """All runs of a folder that count: the newest of each system, protocol and data set."""

    rows: tuple[Row, ...]
    set_aside: tuple[SetAside, ...]


def collect(out: Path) -> Board:
    """Read the run folders in `out`.

    Of several comparable runs of one system (name, digest, precision) under one protocol and on the same data the
    newest stands; so it does of several that are set aside for the same reason.
    """
    rows: dict[tuple[str | None, ...], Row] = {}
    set_aside: dict[tuple[str | None, ...], SetAside] = {}
    runs = []
    for folder in find_runs(out):
        try:
            runs.append(Row(folder, read_record(folder)))
        except UserError as error:
            set_aside[folder.name,] = SetAside(folder, None, str(error))
    # Later entries replace earlier ones.
    for run in sorted(runs, key=lambda run: (run.record.created, run.record.id)):
        record = run.record
        key = (
            record.system.name,
            record.system.digest,
            record.settings.precision,
            record.protocol.digest,
            record.dataset.digest,
            record.dataset.audio_digest,
        )
        reason = _reason_against(record)
        if reason is None:
            rows[key] = run
        else:
            set_aside[*key, record.protocol.name, reason] = SetAside(run.folder, record, reason)
    return Board(tuple(rows.values()), tuple(set_aside.values()))


def _reason_against(record: EvaluationRecord) -> str | None:
    protocol = PROTOCOLS.get(record.protocol.name)
    if protocol is None:
        return f"this version of lbar has no protocol {record.protocol.name}"
    if protocol.digest != record.protocol.digest:
        return (
            f"evaluated under other rules of {protocol.name} (digest {record.protocol.digest[:8]}); evaluate it again"
        )
    return None if record.comparable else "; ".join(record.reasons)
