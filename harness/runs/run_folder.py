"""The run folder: everything one evaluation found out, on disk, whole or not at all.

`<UTC time>-<system>-<protocol>/` holds `record.json`, `per_query.parquet`, `ranking.parquet`, on request `embeddings/`,
and whatever files the caller adds.
"""

import json
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.machine import harness_code, kind_of
from harness.runs.records import DatasetRecord, EvaluationRecord, Settings, SystemRecord, load_record

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]

PER_QUERY_COLUMNS = ("query", "text", "clip", "rank_pessimistic", "rank_optimistic")
"""Query index and text, name of the clip it came from, ranks (from 1) of its first relevant item; measures follow."""

RANKING_COLUMNS = ("query", "rank", "item", "score")
"""Query index, rank from 1, name of the item, score: the best items of every query, best first."""

_INCOMPLETE = ".incomplete-"
"""How the name of a folder begins that is being written."""
_DAY_S = 86_400


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
        (folder / "record.json").write_text(record.to_json(), encoding="utf-8")

    return write_folder(out, record.id, write, record.created, record.system.name, record.protocol.name)


def write_folder(out: Path, identifier: str, write: Callable[[Path], object], created: datetime, *about: str) -> Path:
    """Write a folder into `out`, whole or not at all, and return its path.

    Args:
        out: the folder of run folders; made where it does not exist.
        identifier: that no other run has.
        write: called with the folder, to write its files.
        created: when the run was made; the folder's name begins with it.
        about: what follows in its name.

    Raises:
        UserError: the disk is full or `out` cannot be written; nothing is left behind.
    """
    folder = out / f"{_INCOMPLETE}{identifier}"
    try:
        folder.mkdir(parents=True)
        _remove_abandoned(out)
        write(folder)
        return place_folder(folder, out, created, *about)
    except (OSError, UserError) as error:
        # What wrote the caller's files may have made a line of it already, which names a folder that is gone by then.
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
    for folder in out.glob(f"{_INCOMPLETE}*"):
        # Another process may finish its folder meanwhile.
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > _DAY_S:
                shutil.rmtree(folder, ignore_errors=True)


def place_run(folder: Path, out: Path, record: EvaluationRecord) -> Path:
    """Rename a complete folder to the first free name for `record` in `out`: as it is, or with -2, -3 and so on."""
    return place_folder(folder, out, record.created, record.system.name, record.protocol.name)


def place_folder(folder: Path, out: Path, created: datetime, *about: str) -> Path:
    """Rename a complete folder to the first free name in `out` that has the time and what it is about."""
    parts = (created.strftime("%Y%m%dT%H%M%SZ"), *about)
    name = "-".join(re.sub(r"[^A-Za-z0-9._+-]+", "_", part)[:80] for part in parts)
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
    """Read the record of a run folder.

    Raises:
        UserError: there is none, or `load_record` refuses it.
    """
    path = folder / "record.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}; expected a run folder as `lbar eval` writes it") from error
    return load_record(text, str(path))


def find_runs(out: Path, kind: str | None = "evaluation") -> list[Path]:
    """All complete run folders in `out`, oldest first.

    Args:
        out: the folder of run folders.
        kind: only those whose record is of this kind, or does not say which it is of, so that whoever reads them tells
            what is wrong with them; `None` for every kind.
    """
    if not out.is_dir():
        return []
    found = sorted(path.parent for path in out.glob("*/record.json") if not path.parent.name.startswith("."))
    return found if kind is None else [folder for folder in found if kind_of_run(folder) in (kind, None)]


def kind_of_run(folder: Path) -> str | None:
    """What a run folder's record says it is the record of; `None` where it cannot be read or does not say."""
    try:
        fields = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    kind = fields.get("kind") if isinstance(fields, dict) else None
    return kind if isinstance(kind, str) else None


def find_finished(
    out: Path, system: SystemRecord, protocol_digest: str, dataset: DatasetRecord, settings: Settings
) -> Path | None:
    """The newest comparable run of exactly this evaluation by exactly this code, if there is one."""
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
            return folder
    return None


def _deciding(settings: Settings) -> tuple[object, ...]:
    """Those settings that can change a result."""
    return kind_of(settings.device), settings.precision, settings.batch_size, settings.seed, settings.resamples


def _require(names: Sequence[str], columns: Columns) -> None:
    if missing := [name for name in names if name not in columns]:
        raise ValueError(f"columns missing: {', '.join(missing)}; expected {', '.join(names)}")


def _write_table(path: Path, columns: Columns) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path, compression="zstd")
