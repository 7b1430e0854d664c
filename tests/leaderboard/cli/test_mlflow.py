import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from harness.cli.app import build, own_command
from harness.errors import UserError
from harness.runs.tracking.mirroring import mirror_all
from leaderboard.cli.mlflow import register_best

MakeRun = Callable[..., Path]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_pages_of_mlflow_show_the_local_store_until_the_command_ends(
    how: signal.Signals, migrated_runs: Path, make_run: MakeRun
) -> None:
    make_run(migrated_runs, "a")
    mirror_all(migrated_runs)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = own_command("mlflow", "--out", str(migrated_runs), "--port", str(port))
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as shown:
        try:
            assert shown.stderr is not None
            assert f"http://127.0.0.1:{port} shows sqlite:///" in shown.stderr.readline()
            view = f"http://127.0.0.1:{port}/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=lbar"
            assert shown.stderr.readline() == f"everyday, with its measures as columns: {view}\n"
            address = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name?experiment_name=everyday"
            assert b'"everyday"' in answer(address)
            assert b"<html" in answer(f"http://127.0.0.1:{port}/")
            started = psutil.Process(shown.pid).children(recursive=True)
            assert len(started) > 1
            shown.send_signal(how)
            assert shown.wait(30) == 0
            _, alive = psutil.wait_procs(started, timeout=5)
            assert not alive
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shown.pid, 15)


def answer(address: str) -> bytes:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=30) as response:
                content: bytes = response.read()
                return content
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{address} did not answer within a minute")


def test_a_server_has_pages_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    done = CliRunner().invoke(build(), ["mlflow", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "runs are mirrored to http://127.0.0.1:9, which has pages of its own" in done.output


def test_nothing_to_register_is_one_line(tmp_path: Path, make_run: MakeRun) -> None:
    with pytest.raises(UserError, match="no comparable runs of text-to-audio in .*; `lbar eval` makes one"):
        register_best(out=tmp_path)
    make_run(tmp_path, "a", protocol="everyday-a2t")
    with pytest.raises(UserError, match="no comparable runs of text-to-audio"):
        register_best(out=tmp_path)
    with pytest.raises(UserError, match="unknown protocol"):
        register_best(["evryday"], out=tmp_path)
