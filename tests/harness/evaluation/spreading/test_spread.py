"""Shards in order, wherever they are computed; what is lost is done again, and nothing waits without end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.evaluation.spreading import cluster
from harness.evaluation.spreading.spread import machines_on, spread

needs_dask = pytest.mark.usefixtures("workers_end")
ON = "local:2"


def test_in_this_process_a_shard_is_computed_when_it_is_asked_for() -> None:
    seen: list[int] = []
    results = spread(lambda shard: seen.append(shard) or shard * 2, [3, 1, 2])
    assert next(results) == 6
    assert seen == [3]
    assert list(results) == [2, 4]
    assert machines_on(None) == {}


def slow_first(shard: int) -> tuple[int, int]:
    time.sleep(0.3 if shard == 0 else 0)
    return shard, os.getpid()


@needs_dask
def test_results_come_in_the_order_of_the_shards() -> None:
    results = list(spread(slow_first, range(20), ON))
    assert [shard for shard, _ in results] == list(range(20))
    assert os.getpid() not in {process for _, process in results}
    assert len({process for _, process in results}) == 2
    machines = machines_on(ON)
    assert len(machines) == 2
    assert {machine.host for machine in machines.values()} == {os.uname().nodename}


@needs_dask
def test_shards_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def shards() -> Iterator[int]:
        for shard in range(1000):
            taken.append(shard)
            yield shard

    results = spread(slow_first, shards(), ON)
    next(results)
    assert len(taken) <= 2 * (cluster._AHEAD + cluster._WAITING)
    results.close()


def killed_once(file: str) -> Callable[[int], int]:
    def compute(shard: int) -> int:
        with Path(file).open("a") as lines:
            lines.write(f"{shard}\n")
        if shard == 5 and Path(file).read_text().split().count("5") == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return shard

    return compute


@needs_dask
def test_a_killed_worker_costs_its_shard_only(tmp_path: Path) -> None:
    assert list(spread(killed_once(str(tmp_path / "computed")), range(30), ON)) == list(range(30))
    computed = [int(line) for line in (tmp_path / "computed").read_text().split()]
    assert computed.count(5) == 2
    # Of the others at most what this worker had done and nobody had taken yet.
    assert len(computed) <= 31 + cluster._AHEAD


def refuse(shard: int) -> int:
    if shard == 2:
        raise UserError("shard 2 is no good", ["one problem", "another"])
    return shard


@needs_dask
def test_an_error_comes_at_its_turn_with_all_that_it_says() -> None:
    results = spread(refuse, range(10), ON)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(UserError, match="^shard 2 is no good$") as error:
        next(results)
    assert error.value.problems == ("one problem", "another")


def dies(shard: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return shard


def written(file: str) -> Callable[[int], str]:
    def write(shard: int) -> str:
        before = Path(file).read_text() if Path(file).exists() else ""
        time.sleep(0.2 if shard == 0 else 0)
        with Path(file).open("a") as lines:
            lines.write(str(shard))
        return before

    return write


@needs_dask
def test_a_shard_begins_after_those_that_it_needs(tmp_path: Path) -> None:
    results = list(spread(written(str(tmp_path / "order")), range(3), ON, after=[[], [0], [0, 1]]))
    assert results == ["", "0", "01"]


def settings(_: int) -> tuple[str | None, str]:
    return os.environ.get("LBAR_DATA"), str(Path.cwd())


@needs_dask
def test_a_worker_takes_the_settings_and_the_folder_of_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LBAR_DATA", "here")
    monkeypatch.chdir(tmp_path)
    assert next(spread(settings, [0], ON)) == ("here", str(tmp_path))
    monkeypatch.delenv("LBAR_DATA")
    assert next(spread(settings, [0], ON)) == (None, str(tmp_path))


@needs_dask
@pytest.mark.parametrize(
    ("on", "message"),
    [
        ("local:0", "expected a number of processes above 0"),
        ("local:two", "expected a number of processes above 0"),
        ("cluster", "is no cluster; expected local:4, tcp://HOST:8786, or a scheduler's file"),
        ("absent.json", "no scheduler's file .* `dask scheduler --scheduler-file absent.json` writes it"),
        ("empty.json", "no scheduler's file"),
        ("tcp://127.0.0.1:9", "nobody answers at tcp://127.0.0.1:9 within 0 s .*expected a Dask scheduler there"),
        ("nonsense://x", "nobody answers at nonsense://x"),
    ],
)
def test_what_is_no_cluster_is_refused(on: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "ANSWER_S", 0.3)
    Path("empty.json").write_text("{}")
    began = time.monotonic()
    with pytest.raises(UserError, match=message):
        list(spread(abs, [1], on))
    assert time.monotonic() - began < 5


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"--on local:3 needs Dask.*pip install 'lbar\[spread\]'"):
        list(spread(abs, [1], "local:3"))


@needs_dask
def test_a_scheduler_without_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "WORKERS_S", 0.3)
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0", host="127.0.0.1", protocol="tcp") as empty:
        file = tmp_path / "scheduler.json"
        file.write_text(json.dumps({"address": empty.scheduler_address}))
        with pytest.raises(UserError, match="the scheduler has no workers, nor within 0 s; start some: `dask worker"):
            list(spread(abs, [1], str(file)))


@needs_dask
def test_a_worker_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    list(spread(abs, [1], ON))
    started = cluster._clusters[ON]
    started._client.wait_for_workers(2, timeout=60)
    address = started._local.scheduler_address
    monkeypatch.setattr(cluster, "installed_packages", lambda: {"lbar": "9.9.9"})
    with pytest.raises(UserError, match=r"the worker tcp://\S+ \(and 1 more workers\) has lbar \S+, .* lbar 9\.9"):
        list(spread(abs, [1], address))


@needs_dask
def test_workers_that_end_at_the_same_work_are_not_fed_without_end() -> None:
    with pytest.raises(UserError, match="worker after worker ended at the same work"):
        list(spread(dies, [1], ON))


def test_nothing_of_dask_is_loaded_where_no_cluster_is_named() -> None:
    code = (
        "import sys; from harness.evaluation import evaluate_all, spread; assert list(spread(abs, [-1])) == [1]; "
        "assert not {'dask', 'distributed', 'tornado'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
