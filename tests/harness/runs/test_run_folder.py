import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
import xxhash

from harness.errors import UserError
from harness.machine.code_digest import harness_code
from harness.runs.records import EvaluationRecord
from harness.runs.run_folder import find_finished, find_runs, read_record, write_run

HISTORIC = Path(__file__).parents[2] / "data" / "evaluation_v1.json"
PER_QUERY = {
    "query": [0, 1],
    "text": [" a dog, barking ", "rain &#39;"],
    "clip": ["a .wav", "b.wav"],
    "rank_pessimistic": np.array([1, 4]),
    "rank_optimistic": np.array([1, 3]),
    "mAP@10": np.array([1.0, 0.25]),
}
RANKING = {
    "query": [0, 0, 1, 1],
    "rank": [1, 2, 1, 2],
    "item": ["a .wav", "b.wav", "b.wav", "a .wav"],
    "score": np.array([0.5, -0.25, 0.125, 0.0625], np.float32),
}
NAME = "20260102T030405Z-linear-everyday"


def new_record(**changes: Any) -> EvaluationRecord:
    record = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
    return record.model_copy(update={"id": uuid4().hex} | changes)


def write(out: Path, record: EvaluationRecord, **more: Any) -> Path:
    return write_run(out, record, per_query=PER_QUERY, ranking=RANKING, **more)


def test_a_folder_holds_what_was_given(tmp_path: Path) -> None:
    record = new_record()
    folder = write(
        tmp_path / "runs",
        record,
        embeddings={"audio": np.eye(2, dtype=np.float32)},
        write_more=lambda folder: (folder / "linear.output.csv").write_text("caption\n"),
    )
    assert folder == tmp_path / "runs" / NAME
    assert read_record(folder) == record
    for file, columns in ("per_query.parquet", PER_QUERY), ("ranking.parquet", RANKING):
        table = pq.read_table(folder / file)
        assert table.to_pydict() == {name: list(values) for name, values in columns.items()}
    assert str(pq.read_table(folder / "ranking.parquet")["score"].type) == "float"
    np.testing.assert_array_equal(np.load(folder / "embeddings" / "audio.npy"), np.eye(2))
    assert (folder / "linear.output.csv").read_text() == "caption\n"
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask(), "as readable as any other folder"


def umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def test_equal_names_get_a_number(tmp_path: Path) -> None:
    written = [write(tmp_path, new_record()).name for _ in range(3)]
    assert written == [NAME, f"{NAME}-2", f"{NAME}-3"]
    assert len(find_runs(tmp_path)) == 3


def test_many_writers_of_one_name_lose_nothing(tmp_path: Path) -> None:
    records = [new_record() for _ in range(8)]
    threads = [threading.Thread(target=write, args=(tmp_path, record)) for record in records]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {read_record(folder).id for folder in find_runs(tmp_path)} == {record.id for record in records}
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.parametrize("name", ["../../evil", "a/b", "x\0y", "a b:c*?", "Größe", "." * 3, "n" * 300])
def test_any_system_name_makes_one_safe_folder(tmp_path: Path, name: str) -> None:
    record = new_record()
    out = tmp_path / "runs"
    folder = write(out, record.model_copy(update={"system": record.system.model_copy(update={"name": name})}))
    assert folder.parent == out
    assert find_runs(out) == [folder]
    assert all(c.isascii() and (c.isalnum() or c in "._+-") for c in folder.name)
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write the run into .*: No space left on device; make room") as refused:
        write(tmp_path, new_record(), write_more=lambda _: Path("/dev/full").write_text("x"))
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [100, 2500])
def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path, limit: int) -> None:
    """The kernel refuses to let any file grow past the limit: inside the tables, or inside an embedding."""
    code = f"""
import importlib.util, resource, sys
import numpy as np
spec = importlib.util.spec_from_file_location("here", {str(Path(__file__))!r})
here = importlib.util.module_from_spec(spec); spec.loader.exec_module(here)
record = here.new_record()
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    here.write(here.Path({str(tmp_path)!r}), record, embeddings={{"audio": np.zeros((9, 999), np.float32)}})
except here.UserError as error:
    print(error)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert "cannot write the run into" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, new_record(), write_more=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match="cannot write the run into"):
        write(tmp_path / "runs", new_record())


def test_columns_are_required(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="columns missing: item, score"):
        write_run(tmp_path, new_record(), per_query=PER_QUERY, ranking={"query": [], "rank": []})


def test_only_complete_runs_are_found(tmp_path: Path) -> None:
    later = write(tmp_path, new_record(created=new_record().created + timedelta(days=1)))
    first = write(tmp_path, new_record())
    (tmp_path / ".incomplete-1").mkdir()
    (tmp_path / ".incomplete-1" / "record.json").write_text("{}")
    (tmp_path / "mlartifacts").mkdir()
    (tmp_path / "mlflow.db").write_text("")
    assert find_runs(tmp_path) == [first, later]
    assert find_runs(tmp_path / "absent") == []


def test_a_folder_without_a_record_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r" has no record\.json; expected a run folder"):
        read_record(tmp_path)
    (tmp_path / "record.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"cannot read .*record\.json"):
        read_record(tmp_path)


def here_and_now(**changes: Any) -> EvaluationRecord:
    """A record as this very code would write it."""
    record = new_record(**changes)
    code = {"code": harness_code()}
    return record.model_copy(update={"environment": record.environment.model_copy(update=code)})


def finished(
    out: Path,
    system: dict[str, Any] | None = None,
    dataset: dict[str, Any] | None = None,
    protocol_digest: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Path | None:
    record = new_record()
    return find_finished(
        out,
        record.system.model_copy(update=system),
        record.dataset.model_copy(update=dataset),
        record.settings.model_copy(update=settings),
        protocol_digest=protocol_digest or record.protocol.digest,
    )


def test_a_finished_run_is_found_again_newest_first(tmp_path: Path) -> None:
    assert finished(tmp_path) is None
    write(tmp_path, here_and_now())
    newest = write(tmp_path, here_and_now(created=new_record().created + timedelta(hours=1)))
    damaged = tmp_path / "29990101T000000Z-linear-everyday"
    damaged.mkdir()
    (damaged / "record.json").write_text("{")
    assert finished(tmp_path) == newest


@pytest.mark.parametrize(
    "changes",
    [
        {"system": {"digest": None}},
        {"system": {"digest": "other"}},
        {"system": {"code": "other"}},
        {"protocol_digest": "other"},
        {"dataset": {"digest": "other"}},
        {"dataset": {"audio_digest": "other"}},
        {"dataset": {"audio_digest": None}},
        {"settings": {"precision": "bf16"}},
        {"settings": {"device": "cuda:0"}},
        {"settings": {"seed": 1}},
    ],
)
def test_a_run_of_anything_else_is_not_reused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write(tmp_path, here_and_now())
    assert finished(tmp_path) is not None
    assert finished(tmp_path, **changes) is None


def test_a_run_that_is_not_comparable_or_of_another_harness_is_not_reused(tmp_path: Path) -> None:
    write(tmp_path, here_and_now(comparable=False, reasons=("1 clip skipped",)))
    write(tmp_path, new_record())
    assert finished(tmp_path) is None


def test_a_system_of_unknown_digest_is_never_reused(tmp_path: Path) -> None:
    record = here_and_now()
    unknown = record.model_copy(update={"system": record.system.model_copy(update={"digest": None})})
    write(tmp_path, unknown)
    assert finished(tmp_path, system={"digest": None}) is None


@pytest.mark.parametrize("file", ["record.json", "per_query.parquet", "ranking.parquet", "embeddings/audio.npy"])
def test_a_run_of_which_a_byte_flipped_is_named_and_not_used_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    folder = write(tmp_path, here_and_now(), embeddings={"audio": np.eye(2, dtype=np.float32)})
    assert finished(tmp_path) == folder
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    assert finished(tmp_path) is None
    if file == "record.json":
        with pytest.raises(UserError, match=r"record\.json is damaged, or was changed.*run `lbar eval` again"):
            read_record(folder)
    else:
        assert caplog.messages == [f"{folder}: {file} is damaged; this evaluation is made again"]


def test_the_checksums_are_of_all_files(tmp_path: Path) -> None:
    folder = write(tmp_path, new_record(), embeddings={"audio": np.eye(2, dtype=np.float32)})
    lines = (folder / "checksums.xxh128").read_text().splitlines()
    assert lines == [
        f"{xxhash.xxh3_128_hexdigest((folder / name).read_bytes())}  {name}"
        for name in ("embeddings/audio.npy", "per_query.parquet", "ranking.parquet", "record.json")
    ]


def test_the_record_is_readable_json(tmp_path: Path) -> None:
    folder = write(tmp_path, new_record())
    assert json.loads((folder / "record.json").read_text())["schema_version"] == 1


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    for name, age_s in (("old", 100_000), ("young", 10)):
        folder = tmp_path / f".incomplete-{name}"
        folder.mkdir()
        os.utime(folder, (time.time() - age_s,) * 2)
    write(tmp_path, new_record())
    assert [path.name for path in tmp_path.glob(".incomplete-*")] == [".incomplete-young"]
