import getpass
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pytest

from harness.errors import UserError
from harness.measures import BelowChance
from harness.runs.records import EvaluationRecord
from harness.runs.run_folder import find_runs, read_record, write_run
from harness.runs.tracking import client as tracking
from harness.runs.tracking import mirroring, quiet
from harness.runs.tracking.client import prepare_store
from harness.runs.tracking.mirroring import mirror, mirror_all, try_mirror
from harness.runs.tracking.place import tracking_uri
from harness.runs.tracking.restoring import restore
from harness.runs.tracking.values import allowed

if TYPE_CHECKING:
    from mlflow import MlflowClient

HISTORIC = Path(__file__).parents[3] / "data" / "evaluation_v1.json"


@pytest.fixture(autouse=True)
def no_server_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def out(migrated_runs: Path) -> Path:
    return migrated_runs


def write(out: Path, **changes: Any) -> Path:
    record = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8")).model_copy(
        update={"id": uuid4().hex} | changes
    )
    return write_run(
        out,
        record,
        per_query={"query": [0], "text": ["rain"], "clip": ["a.wav"], "rank_pessimistic": [1], "rank_optimistic": [1]},
        ranking={"query": [0], "rank": [1], "item": ["a.wav"], "score": [0.5]},
        embeddings={"audio": np.zeros((2, 2), np.float32)},
        write_more=lambda folder: (folder / "linear.output.csv").write_text("caption,file_name_1\nrain,a.wav\n"),
    )


@contextmanager
def looking_at(out: Path) -> Iterator["MlflowClient"]:
    with tracking.open_client(out) as client:
        yield client


def all_runs(client: "MlflowClient") -> list[Any]:
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments))


def expected_metrics(record: EvaluationRecord) -> dict[str, float]:
    measures = {name.name.replace("@", "_at_"): name for name in record.measures}
    return (
        {name: measure.value for name, measure in measures.items()}
        | {f"{name}.low": measure.low for name, measure in measures.items()}
        | {f"{name}.high": measure.high for name, measure in measures.items()}
        | {f"{name}.optimistic": measure.optimistic for name, measure in measures.items()}
        | {"tied_fraction": record.tied_fraction, "seconds.total": record.seconds.total}
        | {"seconds.embed_audio": 1.25, "seconds.embed_text": 0.5, "seconds.score": 0.01}
    )


def test_a_run_holds_all_the_record_says(out: Path) -> None:
    folder = write(out)
    record = read_record(folder)
    run_id = mirror(folder, out=out)
    with looking_at(out) as client:
        run = client.get_run(run_id)
        assert client.get_experiment(run.info.experiment_id).name == "everyday"
        assert run.info.run_name == f"linear-everyday-{folder.name[:16]}"
        assert run.info.status == "FINISHED"
        assert run.info.end_time - run.info.start_time == 2125
        assert run.data.metrics == expected_metrics(record)
        assert run.data.tags["lbar.record_id"] == record.id
        assert run.data.tags["lbar.protocol_digest"] == record.protocol.digest
        assert run.data.tags["lbar.comparable"] == "true"
        assert run.data.tags["mlflow.source.git.commit"] == "1" * 40
        assert run.data.tags["lbar.system"] == "linear"
        assert run.data.tags["mlflow.source.name"] == record.command
        assert run.data.tags["mlflow.source.type"] == "LOCAL"
        assert run.data.tags["mlflow.user"] == getpass.getuser()
        assert run.data.tags["mlflow.note.content"] == (
            f"linear on everyday (text-to-audio, {record.dataset.queries:,} queries, {record.dataset.clips:,} clips): "
            f"{', '.join(map(str, record.measures))}, with 95 % intervals over clips."
        )
        assert run.data.params["system.trained_on"] == "everyday"
        assert run.data.params["settings.seed"] == "0"
        assert run.data.params["environment.packages.numpy"] == "2.4.6"
        assert run.data.params["environment.accelerator.name"] == "NVIDIA H200"
        assert {file.path for file in client.list_artifacts(run_id)} == {
            "checksums.xxh128",
            "record.json",
            "per_query.parquet",
            "ranking.parquet",
            "linear.output.csv",
        }


def test_an_experiment_opens_as_what_it_is_with_its_measures_as_columns(out: Path) -> None:
    folder = write(out)
    with looking_at(out) as client:
        number = client.create_experiment("everyday", artifact_location=(out / "mlartifacts" / "everyday").as_uri())
        client.set_experiment_tag(number, "mlflow.experiment.primaryMetric.name", "chosen")
    mirror(folder, out=out)
    with looking_at(out) as client:
        tags = client.get_experiment(number).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert tags["mlflow.experiment.primaryMetric.name"] == "chosen", "what somebody has set stays"
    columns = json.loads(tags["mlflow.sharedViewState.lbar"])["selectedColumns"]
    measures = [allowed(measure.name) for measure in read_record(folder).measures]
    assert columns[: len(measures)] == [f"metrics.`{name}`" for name in measures]
    assert prepare_store(out) == {"everyday": number}


def test_the_card_stands_apart_and_what_is_wrong_is_in_words(out: Path) -> None:
    system = read_record(write(out)).system.model_copy(update={"card": {"name": "linear", "training": {"epochs": 3}}})
    worse = BelowChance("mAP@10", 0.1, 0.3, 0.0005)
    folder = write(out, system=system, comparable=False, reasons=("1 of 8 clips",), below_chance=worse)
    run_id = mirror(folder, out=out)
    with looking_at(out) as client:
        run = client.get_run(run_id)
    assert run.data.params["card.training.epochs"] == "3"
    assert not [name for name in run.data.params if name.startswith("system.card")]
    assert run.data.tags["mlflow.note.content"].endswith(f" {worse}. Not comparable: 1 of 8 clips.")


def test_data_set_and_model_are_mlflows_own_and_hold_the_metrics(out: Path) -> None:
    first, again = write(out), write(out)
    runs = [mirror(folder, out=out) for folder in (first, again)]
    with looking_at(out) as client:
        run = client.get_run(runs[0])
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, used.dataset.digest) == ("everyday-evaluation", "ab" * 18)
        (model,) = client.search_logged_models([run.info.experiment_id])
        assert [model_input.model_id for model_input in run.inputs.model_inputs] == [model.model_id]
        assert (model.name, model.params["digest"]) == ("linear", "5f" * 32)
        linked = [metric for metric in model.metrics if metric.key == "mAP_at_10"]
        assert {metric.run_id for metric in linked} == set(runs), "one model, all its evaluations"
        assert {metric.dataset_digest for metric in linked} == {"ab" * 18}


def test_systems_of_unknown_digest_are_never_taken_for_one(out: Path) -> None:
    system = read_record(write(out)).system.model_copy(update={"digest": None, "name": "my/system: v1.0 'x'"})
    for _ in range(2):
        mirror(write(out, system=system), out=out)
    with looking_at(out) as client:
        experiment = client.get_experiment_by_name("everyday")
        assert experiment is not None
        assert len(client.search_logged_models([experiment.experiment_id])) == 2


def test_mirroring_twice_gives_one_run(out: Path) -> None:
    folder = write(out)
    assert mirror(folder, out=out) == mirror(folder, out=out)
    with looking_at(out) as client:
        assert len(all_runs(client)) == 1


@pytest.mark.parametrize("breaks_at", ["create_logged_model", "log_batch", "log_artifact", "set_terminated", "set_tag"])
def test_a_half_mirrored_run_is_replaced(out: Path, monkeypatch: pytest.MonkeyPatch, breaks_at: str) -> None:
    """The process dies inside one of MLflow's calls; the next attempt leaves exactly one complete run."""
    folder = write(out)
    with looking_at(out), monkeypatch.context() as patch:
        from mlflow import MlflowClient

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(MlflowClient, breaks_at, die)
        with pytest.raises(KeyboardInterrupt):
            mirroring._mirror(MlflowClient(tracking_uri(out)), folder, read_record(folder), out)
    run_id = mirror(folder, out=out)
    with looking_at(out) as client:
        (run,) = all_runs(client)
        assert run.info.run_id == run_id
        assert run.data.tags["lbar.complete"] == "true"
        assert run.data.metrics == expected_metrics(read_record(folder))
        assert len(client.search_logged_models([run.info.experiment_id])) == 1
    # MLflow keeps files of runs that were deleted.
    assert [path.parent.name for path in out.glob("mlartifacts/*/*/artifacts")] == [run_id]


def test_a_new_database_gets_the_same_runs(out: Path, tmp_path: Path, migrated: Path) -> None:
    folders = [write(out), write(out, tied_fraction=0.5)]
    before = mirror_all(out)
    assert [folder for folder, _ in before] == folders
    moved = tmp_path / "moved"
    shutil.copytree(out, moved, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    shutil.copy(migrated, moved)
    mirror_all(moved)

    def content(folder: Path) -> set[tuple[Any, ...]]:
        with looking_at(folder) as client:
            return {
                (
                    run.info.run_name,
                    run.info.start_time,
                    run.data.tags["lbar.record_id"],
                    *sorted((run.data.metrics | run.data.params).items()),
                )
                for run in all_runs(client)
            }

    assert content(moved) == content(out)
    assert len(content(out)) == 2


def test_one_bad_folder_does_not_stop_the_others(out: Path) -> None:
    good = write(out)
    bad = out / "29990101T000000Z-bad"
    bad.mkdir()
    (bad / "record.json").write_text("{")
    (good_folder, mirrored), (bad_folder, failed) = mirror_all(out)
    assert (good_folder, bad_folder) == (good, bad)
    assert (mirrored.done, failed.done) == (True, False)
    assert mirrored.message == mirror(good, out=out)
    assert "is not JSON" in failed.message


def test_only_the_folders_asked_for_are_mirrored(out: Path) -> None:
    wanted, _ = write(out), write(out)
    assert [folder for folder, _ in mirror_all(out, [wanted])] == [wanted]
    with looking_at(out) as client:
        assert len(all_runs(client)) == 1


def test_long_values_are_cut(out: Path) -> None:
    run_id = mirror(write(out, command="x" * 20_000, comparable=False, reasons=("y" * 20_000,)), out=out)
    with looking_at(out) as client:
        tags = client.get_run(run_id).data.tags
        assert tags["mlflow.source.name"] == "x" * 499 + "…"
        assert tags["lbar.comparable"] == "false"


def test_run_folders_come_back(out: Path, tmp_path: Path, migrated: Path) -> None:
    folders = [write(out), write(out)]
    run_ids = [mirror(folder, out=out) for folder in folders]
    # Made in the same second, they have one name in MLflow, and no order.
    assert sorted(restore("everyday", out=out)) == sorted(folders), "present runs are left alone"
    before = [(read_record(folder), (folder / "ranking.parquet").read_bytes()) for folder in folders]
    for folder in folders:
        shutil.rmtree(folder)
    (first,) = restore(run_ids[0], out=out)
    assert read_record(first) == before[0][0]
    restored = restore("everyday", out=out)
    found = [(read_record(folder), (folder / "ranking.parquet").read_bytes()) for folder in restored]
    assert sorted(found, key=lambda run: run[0].id) == sorted(before, key=lambda run: run[0].id)
    assert sorted(restored) == find_runs(out)
    with pytest.raises(UserError, match="nothing-of-this-name"):
        restore("nothing-of-this-name", out=out)


def test_mirroring_is_silent_and_leaves_the_process_as_it_was(
    out: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = dict(os.environ), {name: logging.getLogger(name).level for name in quiet._LOGGERS}
    mirror(write(out), out=out)
    assert (dict(os.environ), {name: logging.getLogger(name).level for name in quiet._LOGGERS}) == before
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_a_process_of_its_own_is_silent_too(tmp_path: Path) -> None:
    """A fresh process and database: imports, table creation and all; artifacts land beside the database."""
    folder = write(tmp_path)
    code = (
        "from pathlib import Path; from harness.runs.tracking.mirroring import mirror;"
        f"mirror(Path({str(folder)!r}), out=Path('.'))"
    )
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[4]))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout + done.stderr == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".tracking.lock",
        folder.name,
        "mlartifacts",
        "mlflow.db",
    ]
    assert len(list((tmp_path / "mlartifacts").rglob("record.json"))) == 1


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_what_is_mirrored_already_is_told_without_mlflow(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, other = write(out), write(out)
    run_id = mirror(folder, out=out)
    asked: list[Path] = []
    monkeypatch.setattr(mirroring, "in_time", lambda call, out: asked.append(call.args[0]))

    def asks_mlflow(folder: Path) -> bool:
        asked.clear()
        assert try_mirror(folder, out=out) is None
        return asked == [folder]

    assert not asks_mlflow(folder)
    assert asks_mlflow(other)
    with looking_at(out) as client:
        client.delete_tag(run_id, "lbar.complete")
        assert asks_mlflow(folder), "the copy was interrupted"
        client.set_tag(run_id, "lbar.complete", "true")
        assert not asks_mlflow(folder)
        client.delete_run(run_id)
        assert asks_mlflow(folder), "the copy was deleted"
        client.restore_run(run_id)
    moved = out.rename(out.with_name("moved"))
    asked.clear()
    assert try_mirror(moved / folder.name, out=moved) is None
    assert asked == [moved / folder.name], "MLflow still looks for its files in the other place"


def test_a_server_that_is_away_costs_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://somebody:secret@127.0.0.1:{free_port()}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    warning = try_mirror(folder, out=tmp_path)
    assert warning is not None
    assert warning.startswith("MLflow at http://127.0.0.1:")
    assert "Connection refused; the run itself is safe in" in warning
    assert str(folder) in warning
    assert "secret" not in warning
    assert "\n" not in warning
    assert len(warning) < 1000
    assert read_record(folder).system.name == "linear"
    with pytest.raises(UserError, match="MLflow at http"):
        mirror_all(tmp_path)


class Failing(BaseHTTPRequestHandler):
    """Answers everything with 500."""

    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(500)
        self.end_headers()
        self.wfile.write(b"the database is on fire\nand so on")

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("retries", "asked"), [("0", 1), pytest.param(None, 2, marks=pytest.mark.slow)])
def test_a_server_that_answers_500_costs_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retries: str | None, asked: int
) -> None:
    """Retried once, unless the user has set how often."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    server.asked = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        if retries:
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", retries)
        warning = try_mirror(write(tmp_path), out=tmp_path)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert warning is not None
    assert "500" in warning
    assert "\n" not in warning
    assert server.asked == asked  # type: ignore[attr-defined]


def test_a_server_that_never_answers_costs_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        start = time.perf_counter()
        warning = try_mirror(write(tmp_path), out=tmp_path)
    assert warning is not None
    assert time.perf_counter() - start < 15


def test_a_store_mlflow_does_not_take_costs_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    assert try_mirror(write(tmp_path), out=tmp_path) is not None


@pytest.mark.slow
def test_a_real_server(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server processes on loopback: all over HTTP, the artifacts by the server's own store."""
    shutil.copy(migrated, tmp_path)
    port = free_port()
    with start_server(tmp_path, port) as server:
        try:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
            out = tmp_path / "runs"
            folder = write(out)
            record = read_record(folder)
            assert mirror(folder, out=out) == mirror(folder, out=out)
            with looking_at(out) as client:
                (run,) = all_runs(client)
                assert run.data.metrics == expected_metrics(record)
                (model,) = client.search_logged_models([run.info.experiment_id])
                assert {metric.key for metric in model.metrics or ()} == set(expected_metrics(record))
            shutil.rmtree(folder)
            (restored,) = restore("everyday", out=out)
            assert read_record(restored) == record
            assert not (out / "mlartifacts").exists()
            assert len(list((tmp_path / "kept").rglob("record.json"))) == 1
        finally:
            os.killpg(server.pid, 15)


@pytest.mark.slow
def test_a_server_killed_while_it_is_told_of_a_run_gets_the_run_once(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two artifacts and started again: the folder is whole, and one mirror is left of it."""
    from mlflow import MlflowClient

    import leaderboard

    shutil.copy(migrated, tmp_path)
    out, port = tmp_path / "runs", free_port()
    folder = write(out)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    server = start_server(tmp_path, port)
    told: list[str] = []
    log_artifact = MlflowClient.log_artifact

    def kill_after_one(self: MlflowClient, run_id: str, path: str, *rest: str) -> None:
        if told:
            os.killpg(server.pid, 9)
            server.wait()
        told.append(path)
        log_artifact(self, run_id, path, *rest)

    with server, monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifact", kill_after_one)
        with pytest.raises(UserError, match="MLflow at http"):
            mirror(folder, out=out)
    assert len(told) == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before

    with start_server(tmp_path, port) as server:
        try:
            (first,) = mirror_all(out)
            (again,) = mirror_all(out)
            assert first == again
            assert first[1].done, first[1].message
            with looking_at(out) as client:
                (run,) = all_runs(client)
                assert run.info.run_id == first[1].message
                assert run.data.tags["lbar.complete"] == "true"
                assert {file.path for file in client.list_artifacts(run.info.run_id)} == set(before)
            assert leaderboard.board(out, mlflow=True)["system"].tolist() == ["linear"]
        finally:
            os.killpg(server.pid, 15)


def start_server(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/kept"]
    # It would start seven processes more, which wait for jobs.
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(port, server)
    return server


def wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail("the server ended at once")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the server did not start within a minute")
