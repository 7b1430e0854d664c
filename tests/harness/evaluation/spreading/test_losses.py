"""What becomes of a command when a part of its cluster dies: it ends with the result, or soon with a line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness.cli.app import own_command
from harness.errors import UserError
from harness.evaluation.spreading import cluster
from harness.evaluation.spreading.spread import spread

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("workers_end")]


class Hosts:
    """A scheduler, and workers, as processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        _until(self.file.exists)

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker without a nanny, which would start it again."""
        return self._start("dask_worker", "--nthreads", "1", "--no-nanny", "--death-timeout", "60")

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(self.file)]
        # Workers import the functions of this file, which they are sent.
        settings = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4])}
        process = subprocess.Popen([*command, "--no-dashboard", *options], stderr=subprocess.DEVNULL, env=settings)
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    started = Hosts(tmp_path)
    yield started
    started.end()


def _until(true: Callable[[], object], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def slowly(shard: int) -> int:
    time.sleep(0.2)
    return shard


def test_a_scheduler_that_dies_is_said_soon(hosts: Hosts) -> None:
    hosts.worker()
    results = spread(slowly, range(100), str(hosts.file))
    assert next(results) == 0
    hosts.scheduler.kill()
    began = time.monotonic()
    with pytest.raises(UserError, match="the connection to the scheduler is lost; what is done is kept"):
        list(results)
    assert time.monotonic() - began < 10


def test_a_scheduler_that_falls_silent_is_given_up(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts.worker()
    results = spread(slowly, range(100), str(hosts.file))
    assert next(results) == 0
    monkeypatch.setattr(cluster, "SILENT_S", 2.0)
    hosts.scheduler.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(UserError, match="the connection to the scheduler is lost"):
        list(results)
    assert time.monotonic() - began < 10


def test_where_all_workers_are_gone_others_take_over(hosts: Hosts) -> None:
    first = hosts.worker()
    results = spread(slowly, range(30), str(hosts.file))
    assert next(results) == 0
    first.kill()
    hosts.worker()
    assert list(results) == list(range(1, 30))


def test_where_all_workers_are_gone_for_good_it_ends(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    only = hosts.worker()
    results = spread(slowly, range(100), str(hosts.file))
    assert next(results) == 0
    monkeypatch.setattr(cluster, "WORKERS_S", 2.0)
    only.kill()
    began = time.monotonic()
    with pytest.raises(UserError, match="all workers are gone since 2 s; what is done is kept"):
        list(results)
    assert time.monotonic() - began < 15


def test_a_command_that_is_killed_leaves_no_workers_and_goes_on_where_it_was(
    participant: Path, tones: Callable[..., Path], own_cache: Path
) -> None:
    data = tones(tuple(range(300, 2300, 20)))
    options = ["--protocol", "folder", "--data-root", str(data), "--batch-size", "2", "--json", "--on", "local:2"]
    command = own_command("eval", "tone_system:Slow", *options)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    embedded = Path("embedded.txt")
    _until(lambda: embedded.exists() and len(embedded.read_text().split()) > 35)
    workers = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    _until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers), 60)
    assert sum(map(int, embedded.read_text().split())) < 100
    again = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    (record,) = json.loads(again.stdout)
    assert record["dataset"]["clips"] == 100
    clips = sum(map(int, embedded.read_text().split()))
    # What was on its way when it was killed, at most a second of work in a shard, is done again, no more.
    assert 100 <= clips <= 100 + 2 * cluster._AHEAD * 2 * 5
