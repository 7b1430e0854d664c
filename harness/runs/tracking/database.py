"""The SQLite file that MLflow keeps runs in where the user has no server: whole, or made again."""

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.runs.tracking.place import artifacts_beside

if TYPE_CHECKING:
    import sqlalchemy

_log = logging.getLogger(__name__)

# What SQLite reports where not the database is at fault, but the disk, the permissions, or another process.
_SURROUNDINGS = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_BUSY", "SQLITE_LOCKED")


def make_whole(database: Path) -> None:
    """Make the tables, or bring them up to the MLflow that is installed.

    This takes seconds, and a process that is killed in between would leave tables that no later one can use. So it
    happens in a copy, which then takes the file's place. A file that cannot be used is set aside, with a warning in
    the log: what it held can be mirrored again.

    Raises:
        Exception: the disk is full or not permitted to be written, or the file is of a newer MLflow.
    """
    for leftover in database.parent.glob(f".{database.name}.*"):
        leftover.unlink()
    try:
        if database.exists() and _is_current(database):
            return
        with _unfinished(database) as copy:
            if database.exists():
                with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
                    source.backup(target)
            _migrate(copy)
    except Exception as error:
        if not database.exists() or not (reason := _damage(error)):
            raise
        aside = _set_aside(database)
        _log.warning(
            "%s cannot be used (%s) and is now %s; a new one is made, into which `lbar track` mirrors all runs again",
            *(database, reason, aside.name),
        )
        with _unfinished(database) as copy:
            _migrate(copy)


@contextmanager
def _unfinished(database: Path) -> Iterator[Path]:
    """A path beside the database, of a file that takes its place at the end."""
    copy = database.with_name(f".{database.name}.{os.getpid()}")
    try:
        yield copy
        copy.replace(database)
    finally:
        copy.unlink(missing_ok=True)


def _is_current(database: Path) -> bool:
    """Whether the file has the tables of the MLflow that is installed.

    Raises:
        Exception: the file is damaged.
    """
    with closing(sqlite3.connect(database)) as connection:
        ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    tables, engine = _schema(), _engine(database)
    newest = tables._get_latest_schema_revision()
    return bool(tables._all_tables_exist(engine)) and bool(tables._get_schema_version(engine) == newest)


def has_run(database: Path, tags: Mapping[str, str]) -> bool:
    """Whether a run that nobody deleted has these tags, and keeps its files beside the database.

    The tables are asked without MLflow, whose import takes seconds. What they do not tell is answered by no.
    """
    beside_it = (
        "SELECT 1 FROM runs JOIN experiments USING (experiment_id) WHERE runs.lifecycle_stage = 'active' "
        "AND experiments.lifecycle_stage = 'active' AND substr(artifact_uri, 1, ?) = ?"
    )
    tagged = "run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
    query = " AND ".join([beside_it, *[tagged] * len(tags)])
    beside = f"{artifacts_beside(database).as_uri()}/"
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            whole = connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
            found = connection.execute(query, [len(beside), beside, *chain(*tags.items())]).fetchone()
    except sqlite3.Error:
        return False
    return whole and found is not None


def _migrate(database: Path) -> None:
    """Make the tables, or bring them up to date."""
    tables, engine = _schema(), _engine(database)
    if tables._get_schema_version(engine):
        tables._upgrade_db(engine)
    else:
        tables._initialize_tables(engine)


def _schema() -> Any:
    """MLflow's own module for its tables."""
    import mlflow.store.db.utils

    return mlflow.store.db.utils


def _engine(database: Path) -> "sqlalchemy.Engine":
    """A way to the file that keeps no connection open."""
    import sqlalchemy

    return sqlalchemy.create_engine(f"sqlite:///{database}", poolclass=sqlalchemy.NullPool)


def _damage(error: BaseException) -> str | None:
    """What SQLite found wrong with the file; `None` where the error is another one."""
    while not isinstance(error, sqlite3.DatabaseError):
        cause = getattr(error, "orig", None) or error.__cause__
        if cause is None:
            return None
        error = cause
    name = getattr(error, "sqlite_errorname", "")
    return None if name.startswith(_SURROUNDINGS) else str(error)


def _set_aside(database: Path) -> Path:
    """Give the file, and what SQLite keeps beside it, a name that is free."""
    free = (database.with_name(f"{database.name}.broken-{number}") for number in count(1))
    aside = next(name for name in free if not name.exists())
    for ending in ("-journal", "-wal", "-shm"):
        beside = database.with_name(database.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    return database.rename(aside)
