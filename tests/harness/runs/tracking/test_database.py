import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness.cli.app import own_command
from harness.errors import UserError
from harness.runs.tracking import database
from harness.runs.tracking.client import open_client
from harness.runs.tracking.mirroring import mirror, try_mirror

MakeRun = Callable[..., Path]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".lock"}


def execute(file: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        answers = [connection.execute(statement).fetchall() for statement in statements]
        connection.commit()
    return answers[-1]


def half_made(file: Path) -> None:
    """As a process leaves it that is killed while MLflow makes the tables in place."""
    shutil.copy(file, file.with_suffix(".old"))
    file.unlink()
    execute(file, "CREATE TABLE webhooks (webhook_id VARCHAR(256))", "CREATE TABLE experiments (name VARCHAR(256))")


def no_database(file: Path) -> None:
    file.write_bytes(b"This was a database." * 1000)


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def zeroed(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


@pytest.mark.slow
@pytest.mark.parametrize("harm", [half_made, no_database, cut_short, zeroed])
def test_a_broken_one_is_set_aside_and_said(
    harm: Callable[[Path], None], migrated_runs: Path, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_run(migrated_runs, "a")
    file = migrated_runs / "mlflow.db"
    mirror(folder, out=migrated_runs)
    harm(file)
    content = file.read_bytes()
    assert try_mirror(folder, out=migrated_runs) is None
    (said,) = caplog.messages
    assert said.startswith(f"{file} cannot be used (")
    assert "is now mlflow.db.broken-1; a new one is made, into which `lbar track` mirrors all runs again" in said
    assert "\n" not in said
    assert file.with_name("mlflow.db.broken-1").read_bytes() == content
    with open_client(migrated_runs) as client:
        assert client.get_experiment_by_name("everyday") is not None
    assert len(caplog.messages) == 1, "said once"


def test_a_database_that_is_whole_stays_as_it_is(migrated_runs: Path) -> None:
    file = migrated_runs / "mlflow.db"
    before = file.stat()
    with open_client(migrated_runs):
        pass
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("part", ["", "mlflow.db"])
def test_a_process_killed_while_it_makes_the_tables_leaves_nothing_in_the_way(part: str, tmp_path: Path) -> None:
    """Whether there is no file yet or an empty one."""
    if part:
        (tmp_path / part).touch()
    code = (
        "import os; from pathlib import Path; from alembic.operations import Operations;"
        "Operations.create_table = lambda *_, **__: os.kill(os.getpid(), 9);"
        "from harness.runs import prepare_store; prepare_store(Path('.'))"
    )
    died = subprocess.run([*own_command()[:2], "-c", code], cwd=tmp_path, capture_output=True, timeout=120)
    assert died.returncode == -signal.SIGKILL, died.stderr
    (left,) = names(tmp_path) - {"mlflow.db"}
    assert left.startswith(".mlflow.db.")
    assert not part or not (tmp_path / part).stat().st_size


def test_what_a_killed_process_left_is_removed(migrated_runs: Path) -> None:
    (migrated_runs / ".mlflow.db.12345").write_bytes(b"half")
    with open_client(migrated_runs):
        pass
    assert names(migrated_runs) == {"mlflow.db"}


@pytest.mark.parametrize("surroundings", ["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_READONLY", "SQLITE_BUSY"])
def test_a_full_disk_is_no_fault_of_the_database(
    surroundings: str, migrated_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = migrated_runs / "mlflow.db"
    execute(file, "UPDATE alembic_version SET version_num = 'older'")
    before = file.read_bytes()

    def fail(_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = surroundings
        raise error

    monkeypatch.setattr(database, "_migrate", fail)
    with (
        pytest.raises(UserError, match="MLflow at sqlite:///.* failed: database or disk is full"),
        open_client(migrated_runs),
    ):
        pass
    assert names(migrated_runs) == {"mlflow.db"}
    assert file.read_bytes() == before


def test_a_database_of_a_newer_mlflow_is_left_alone(migrated_runs: Path) -> None:
    file = migrated_runs / "mlflow.db"
    execute(file, "UPDATE alembic_version SET version_num = 'f00dfeedf00d'")
    before = file.read_bytes()
    with pytest.raises(UserError, match="f00dfeedf00d"), open_client(migrated_runs):
        pass
    assert names(migrated_runs) == {"mlflow.db"}
    assert file.read_bytes() == before


def test_an_older_one_is_brought_up_to_date_in_a_copy(
    migrated_runs: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stops that, the older one is as it was."""
    folder = make_run(migrated_runs, "a")
    run = mirror(folder, out=migrated_runs)
    file = migrated_runs / "mlflow.db"
    (newest,) = execute(file, "SELECT version_num FROM alembic_version")
    execute(file, "UPDATE alembic_version SET version_num = 'older'")

    def upgrade(copy: Path) -> None:
        assert copy != file
        assert execute(copy, "SELECT run_uuid FROM runs") == [(run,)]
        execute(copy, f"UPDATE alembic_version SET version_num = '{newest[0]}'")
        if stops:
            raise KeyboardInterrupt

    monkeypatch.setattr(database, "_migrate", upgrade)
    stops = True
    with pytest.raises(KeyboardInterrupt), open_client(migrated_runs):
        pass
    assert execute(file, "SELECT version_num FROM alembic_version") == [("older",)]
    stops = False
    assert mirror(folder, out=migrated_runs) == run
    assert execute(file, "SELECT version_num FROM alembic_version") == [newest]
