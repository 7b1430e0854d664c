"""Where MLflow keeps runs, and where it keeps their files."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.errors import UserError

_ROOT = "MLFLOW_DEFAULT_ARTIFACT_ROOT"
_DATABASES = ("postgresql", "mysql", "mssql")


def tracking_uri(out: Path) -> str:
    """Where runs are mirrored to: `MLFLOW_TRACKING_URI`, or a SQLite file in the folder of run folders."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(out / 'mlflow.db').absolute()}"


def tracking_place(out: Path) -> str:
    """The same for a person to read: without a password."""
    return without_password(tracking_uri(out))


def without_password(text: str) -> str:
    """The text without user names and passwords in its addresses."""
    return re.sub(r"//[^/@\s]+@", "//", text)


def sqlite_file(uri: str) -> Path | None:
    """The file of an MLflow tracking URI; `None` where it names no SQLite file.

    >>> sqlite_file("sqlite:////data/runs/mlflow.db")
    PosixPath('/data/runs/mlflow.db')
    >>> sqlite_file("https://mlflow.example.org")
    """
    scheme, _, rest = uri.partition("://")
    name = rest.partition("?")[0].removeprefix("/")
    return Path(name) if scheme.split("+")[0] == "sqlite" and name not in ("", ":memory:") else None


def artifacts_beside(database: Path) -> Path:
    """The folder of all files that belong to the runs of a SQLite file."""
    return database.absolute().parent / "mlartifacts"


def artifact_location(uri: str, experiment: str) -> str | None:
    """Where a new experiment is to keep its files; `None` where the server decides.

    Raises:
        UserError: the store is a database that many may share, and nothing says where all of them find the files.
    """
    if database := sqlite_file(uri):
        return (artifacts_beside(database) / experiment).as_uri()
    if urlsplit(uri).scheme.split("+")[0] not in _DATABASES:
        return None
    root = os.environ.get(_ROOT)
    if not root:
        raise UserError(
            f"{without_password(uri)} is a database that others share, but the files of a run would lie on this "
            f"machine, where they do not find them; set {_ROOT} to a folder or bucket that all of you reach, or start "
            "`mlflow server` before the database and set MLFLOW_TRACKING_URI to its address"
        )
    address = urlsplit(root)
    if address.scheme not in ("", "file"):
        return f"{root.rstrip('/')}/{experiment}"
    # It is there from now on, which tells others that they reach it.
    folder = Path(unquote(address.path) if address.scheme else root).absolute() / experiment
    folder.mkdir(parents=True, exist_ok=True)
    return folder.as_uri()


def refuse_other_disk(location: str, uri: str) -> None:
    """Refuse files that MLflow keeps by a path of another machine.

    Args:
        location: of the files of an experiment or a run.
        uri: of the store that says so.

    Raises:
        UserError: the path is not here, and the store is not of this machine alone.
    """
    address = urlsplit(uri)
    if sqlite_file(uri) or (address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1", "::1")):
        return
    named = urlsplit(location)
    if named.scheme in ("", "file") and not Path(unquote(named.path)).exists():
        raise UserError(
            f"{without_password(uri)} keeps files in {location}, a folder that this machine does not have; make it "
            f"reachable there, or move the files to where all of you reach them and set {_ROOT} for new experiments"
        )
