"""MLflow keeps whole paths of files: here they follow a folder of run folders that was moved or copied."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.runs.tracking.place import artifacts_beside

_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow(database: Path) -> None:
    """Let each path in a SQLite file that lay beside it name the file that lies there now.

    A path stays where nothing is there: the database was copied without its files. An experiment whose folder is
    nowhere gets one here.
    """
    here = artifacts_beside(database)
    beside = f"{here.as_uri()}/"
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in _COLUMNS:
            elsewhere = f"{column} LIKE 'file:%/{here.name}/%' AND substr({column}, 1, {len(beside)}) != ?"
            query = f"SELECT DISTINCT {column} FROM {table} WHERE {elsewhere}"  # noqa: S608  (our own names)
            for (old,) in connection.execute(query, [beside]).fetchall():
                new = beside + old.rpartition(f"/{here.name}/")[2]
                if local_path(new).exists() or (table == "experiments" and not local_path(old).exists()):
                    change = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"  # noqa: S608
                    connection.execute(change, [new, old])


def local_path(uri: str) -> Path:
    """The path that a `file:` address names."""
    return Path(unquote(urlsplit(uri).path))
