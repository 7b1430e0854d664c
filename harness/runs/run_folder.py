"""The run folder: everything one evaluation, prediction or speed measurement found out, whole or not at all.

`<UTC time>-<system>-<protocol>/` holds `record.json`, `per_query.parquet`, `ranking.parquet`, on request `embeddings/`,
and whatever files the caller adds. `<UTC time>-<system>-speed/` holds `record.json` and `samples.parquet`. Each also
has the checksums of its files, with which they are compared when they are read.
"""

import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.machine import damaged_files, harness_code, kind_of, read_json, write_checksums
from harness.runs.any_record import Record, SystemRecord
from harness.runs.records import DatasetRecord, EvaluationRecord, Settings
from harness.runs.speed_record import SpeedRecord
from harness.runs.timing_samples import Samples

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]

PER_QUERY_COLUMNS = ("query", "text", "clip", "rank_pessimistic", "rank_optimistic")
"""Query index and text, name of the query's clip, ranks (from 1) of its first relevant item; the measures follow."""

RANKING_COLUMNS = ("query", "rank", "item", "score")
"""Query index, rank from 1, name of the item, score: the best items of every query, best first."""

KINDS: dict[str, type[EvaluationRecord | SpeedRecord]] = {"evaluation": EvaluationRecord, "speed": SpeedRecord}
"""The kinds of run that are mirrored and shown, by the field `kind` of their records."""

INCOMPLETE = ".incomplete-"
"""Beginning of the name of a folder that is being written."""
_DAY_S = 86_400
_log = logging.getLogger(__name__)


def write_run(
    out: Path,
    record: EvaluationRecord,
    *,
    per_query: Columns,
    ranking: Columns,
    embeddings: Mapping[str, NDArray[np.float32]] | None = None,
    write_more: Callable[[Path], object] | None = None,
) -> Path:
    """Write a run folder into `out` and return its path.

    Args:
        out: the folder of run folders; made where it does not exist.
        record: what goes into `record.json`.
        per_query: `PER_QUERY_COLUMNS` and one column per measure, all of one length.
        ranking: `RANKING_COLUMNS`.
        embeddings: arrays kept as `embeddings/<name>.npy`.
        write_more: called with the folder, to add files of its own to it.

    Raises:
        UserError: the disk is full or `out` cannot be written; nothing is left behind.
        ValueError: a column is missing.
    """
    _require(PER_QUERY_COLUMNS, per_query)
    _require(RANKING_COLUMNS, ranking)

    def write(folder: Path) -> None:
        _write_table(folder / "per_query.parquet", per_query)
        _write_table(folder / "ranking.parquet", ranking)
        if embeddings:
            (folder / "embeddings").mkdir()
            for name, vectors in embeddings.items():
                np.save(folder / "embeddings" / f"{name}.npy", vectors)
        if write_more:
            write_more(folder)

    return write_folder(out, record, write)


def write_speed(out: Path, record: SpeedRecord, samples: Mapping[str, Samples]) -> Path:
    """Write the run folder of a speed measurement into `out` and return its path.

    Args:
        out: the folder of run folders; made where it does not exist.
        record: what goes into `record.json`.
        samples: by name of the case, every sample; `samples.parquet` has one row for each.

    Raises:
        UserError: the disk is full or `out` cannot be written; nothing is left behind.
    """
    import pyarrow as pa

    columns: dict[str, list[Any]] = {"case": [], "iteration": [], "seconds": [], "device_seconds": []}
    for name, found in samples.items():
        columns["case"] += [name] * len(found.seconds)
        columns["iteration"] += range(len(found.seconds))
        columns["seconds"] += found.seconds
        columns["device_seconds"] += found.device_seconds or [None] * len(found.seconds)
    schema = pa.schema(dict(zip(columns, (pa.string(), pa.int64(), pa.float64(), pa.float64()), strict=True)))
    return write_folder(out, record, lambda folder: _write_table(folder / "samples.parquet", columns, schema))


def write_folder(out: Path, record: Record, write: Callable[[Path], object]) -> Path:
    """Write the run folder of a record into `out`, whole or not at all, and return its path.

    Args:
        out: the folder of run folders; made where it does not exist.
        record: written last, under its own file name.
        write: called with the folder, to write its other files.

    Raises:
        UserError: the disk is full or `out` cannot be written; nothing is left behind.
    """
    folder = out / f"{INCOMPLETE}{record.id}"
    try:
        folder.mkdir(parents=True)
        _remove_abandoned(out)
        write(folder)
        (folder / record.FILE).write_text(record.to_json(), encoding="utf-8")
        files = [path for path in folder.rglob("*") if path.is_file()]
        write_checksums(folder, [path.relative_to(folder).as_posix() for path in files])
        return place_folder(folder, out, record)
    except (OSError, UserError) as error:
        # `write` may have made a UserError of an OSError already; its message names a folder that is removed below.
        cause = error.__cause__ if isinstance(error, UserError) else error
        if not isinstance(cause, OSError):
            raise
        raise UserError(
            f"cannot write the run into {out}: {cause.strerror or cause}; make room there or choose another folder "
            "with --out"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(out: Path) -> None:
    """Remove what processes left that were killed while they wrote: no writing takes a day."""
    for folder in out.glob(f"{INCOMPLETE}*"):
        # Another process may finish its folder meanwhile.
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > _DAY_S:
                shutil.rmtree(folder, ignore_errors=True)


def name_parts(record: Record) -> list[str]:
    """The parts of a run folder's name: the time, and what the record is about."""
    parts = (record.created.strftime("%Y%m%dT%H%M%SZ"), *record.about)
    return [re.sub(r"[^A-Za-z0-9._+-]+", "_", part)[:80] for part in parts]


def place_folder(folder: Path, out: Path, record: Record) -> Path:
    """Rename a complete folder to the first free name for its record in `out`: without a number, or with -2, -3, ..."""
    name = "-".join(name_parts(record))
    for attempt in count(1):
        target = out / (name if attempt == 1 else f"{name}-{attempt}")
        if target.exists():
            continue
        try:
            return folder.rename(target)
        except OSError:
            # Another process took the name in the meantime; anything else is an error.
            if not target.exists():
                raise
    raise AssertionError("unreachable")


def read_record(folder: Path) -> EvaluationRecord:
    """Read the record of an evaluation's run folder.

    Raises:
        UserError: there is none, or it cannot be read; see `Record.from_json`.
    """
    return EvaluationRecord.read(folder)


def read_any_record(folder: Path) -> EvaluationRecord | SpeedRecord:
    """Read the record of a run folder of any of `KINDS`.

    Raises:
        UserError: there is none, or it cannot be read, or is of another kind.
    """
    kind = kind_of_run(folder)
    if kind is not None and kind not in KINDS:
        raise UserError(f"{folder / 'record.json'} is a record of kind {kind!r}; known are {', '.join(KINDS)}")
    # Where the kind is missing, reading the record as an evaluation says what is wrong.
    return KINDS[kind or "evaluation"].read(folder)


def find_runs(out: Path, kind: str | None = "evaluation") -> list[Path]:
    """All complete run folders in `out`, oldest first.

    Args:
        out: the folder of run folders.
        kind: only runs of this kind, and those whose record does not say its kind, so that reading them raises the
            error that says what is wrong; `None` for every kind.

    Raises:
        UserError: `out` is a file.
    """
    if out.is_file():
        raise UserError(f"{out} is a file; --out is the folder of run folders")
    if not out.is_dir():
        return []
    found = sorted(path.parent for path in out.glob("*/record.json") if not path.parent.name.startswith("."))
    return found if kind is None else [folder for folder in found if kind_of_run(folder) in (kind, None)]


def kind_of_run(folder: Path) -> str | None:
    """The field `kind` of a run folder's record; `None` where it cannot be read or is missing."""
    try:
        fields = read_json(folder / "record.json")
    except (OSError, ValueError):
        return None
    kind = fields.get("kind") if isinstance(fields, dict) else None
    return kind if isinstance(kind, str) else None


def find_finished(
    out: Path, system: SystemRecord, dataset: DatasetRecord, settings: Settings, *, protocol_digest: str
) -> Path | None:
    """The newest comparable run of exactly this evaluation by exactly this code, if there is one whose files are whole.

    A run of which a file is damaged is named in a warning.
    """
    if system.digest is None or system.code is None:
        return None
    wanted = (system, protocol_digest, dataset, *_deciding(settings), harness_code())
    for folder in reversed(find_runs(out)):
        try:
            record = read_record(folder)
        except UserError:
            continue
        found = (record.system, record.protocol.digest, record.dataset, *_deciding(record.settings))
        if record.comparable and (*found, record.environment.code) == wanted:
            if not (damaged := damaged_files(folder)):
                return folder
            _log.warning("%s: %s is damaged; this evaluation is made again", folder, ", ".join(damaged))
    return None


def _deciding(settings: Settings) -> tuple[object, ...]:
    """The settings that can change a result."""
    return kind_of(settings.device), settings.precision, settings.batch_size, settings.seed, settings.resamples


def _require(names: Sequence[str], columns: Columns) -> None:
    if missing := [name for name in names if name not in columns]:
        raise ValueError(f"columns missing: {', '.join(missing)}; expected {', '.join(names)}")


def _write_table(path: Path, columns: Columns, schema: "pa.Schema | None" = None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns), schema=schema), path, compression="zstd")
