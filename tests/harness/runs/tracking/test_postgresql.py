"""A tracking server with PostgreSQL behind it, shared by two people, and killed while they use it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.cli.app import own_command
from harness.errors import UserError
from harness.runs.run_folder import read_record
from harness.runs.tracking.client import open_client
from harness.runs.tracking.mirroring import mirror

MakeRun = Callable[..., Path]

RUNS_EACH = 100


def programs() -> Path | None:
    """The folder of PostgreSQL's programs: where Debian puts them, or on the path."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return installed[-1].parent if installed else Path(on_path).parent if on_path else None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1200):
        assert process.poll() is None, "it ended at once"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("it did not start within two minutes")


@pytest.fixture
def database() -> Iterator[str]:
    """The address of an empty PostgreSQL database on loopback."""
    pytest.importorskip("psycopg2", reason="needs psycopg2 (pip install 'lbar[postgresql]')")
    found = programs()
    if found is None:
        pytest.skip("needs PostgreSQL, which is not installed here")
    # It refuses to run as root, and pytest's folders are closed to others.
    who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        if who:
            shutil.chown(folder, "postgres", "postgres")
        data, port = f"{folder}/data", free_port()
        made = [found / "initdb", "--auth=trust", "--username=lbar", "--no-sync", "-D", data]
        subprocess.run(made, check=True, cwd=folder, stdout=subprocess.DEVNULL, **who)  # type: ignore[call-overload]
        command = [found / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", ""]
        with subprocess.Popen(  # type: ignore[call-overload]
            command, cwd=folder, stderr=subprocess.DEVNULL, **who
        ) as process:
            try:
                wait_for(port, process)
                time.sleep(1)
                # Which driver the name alone means differs between versions of SQLAlchemy.
                yield f"postgresql+psycopg2://lbar@127.0.0.1:{port}/postgres"
            finally:
                process.send_signal(signal.SIGQUIT)


@contextmanager
def server(folder: Path, database: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", f"{folder}/kept"]
    # It would start seven processes more, which wait for jobs.
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=nowhere, stderr=nowhere, start_new_session=True
    ) as process:
        try:
            wait_for(port, process)
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_server_that_two_people_use_and_that_is_killed_has_every_run_once(
    database: str, tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [tmp_path / name for name in ("one", "two")]
    ids = {
        read_record(make_run(out, f"system {number}", clips=3, captions=1, seed=number)).id
        for out in people
        for number in range(RUNS_EACH)
    }
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")

    def track(out: Path) -> int:
        return subprocess.run(own_command("track", "--out", str(out)), stdout=subprocess.DEVNULL).returncode

    with ThreadPoolExecutor(2) as pool:
        with server(tmp_path, database, port):
            first = [pool.submit(track, out) for out in people]
            while len(list((tmp_path / "kept").glob("*/*/artifacts/record.json"))) < RUNS_EACH // 2:
                assert not any(one.done() for one in first)
                time.sleep(0.05)
        assert [one.result() for one in first] == [2, 2], "what the dead server did not take is a failure"
        with server(tmp_path, database, port):
            assert list(pool.map(track, people)) == [0, 0]
            assert list(pool.map(track, people)) == [0, 0]
            with open_client(tmp_path) as client:
                everyday = client.get_experiment_by_name("everyday").experiment_id
                runs = client.search_runs([everyday], max_results=1000)
                files = {file.path for run in runs[:5] for file in client.list_artifacts(run.info.run_id)}
    assert len(runs) == len(ids) == 2 * RUNS_EACH
    assert {run.data.tags["lbar.record_id"] for run in runs} == ids
    assert {run.data.tags["lbar.complete"] for run in runs} == {"true"}
    assert {"record.json", "per_query.parquet", "ranking.parquet"} <= files


@pytest.mark.slow
def test_without_a_server_the_files_need_a_place_that_all_reach(
    database: str, tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path / "runs", "a")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", raising=False)
    with pytest.raises(UserError, match=r"postgresql\+psycopg2://127.0.0.1.* is a database that others share, but"):
        mirror(folder, out=tmp_path / "runs")
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "reached by all"))
    mirror(folder, out=tmp_path / "runs")
    assert len(list((tmp_path / "reached by all").rglob("record.json"))) == 1
    (tmp_path / "reached by all").rename(tmp_path / "another disk")
    with pytest.raises(UserError, match="a folder that this machine does not have"):
        mirror(folder, out=tmp_path / "runs")
