import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.runs.records import EvaluationRecord
from harness.runs.speed_record import SpeedRecord
from leaderboard.runs.collecting import collect
from leaderboard.runs.speed import Speed, beside

DATA = Path(__file__).parents[2] / "data"
HISTORIC, HISTORIC_SPEED = DATA / "evaluation_v1.json", DATA / "speed_v1.json"


def historic() -> EvaluationRecord:
    return EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))


def write(out: Path, name: str = "speed", **changes: Any) -> Path:
    """The run folder of a measurement on a GPU, made from a record that an earlier version wrote."""
    record = historic()
    fields = json.loads(HISTORIC_SPEED.read_text(encoding="utf-8"))
    fields |= {
        "created": "2026-03-04T05:06:07Z",
        "system": record.system.model_dump(mode="json"),
        "settings": fields["settings"] | {"device": "cuda"},
        "environment": record.environment.model_dump(mode="json"),
        "figures": {"clips_per_second": 512.5, "query_p95_seconds": 0.004, "share_of_limit": 0.61},
        "stages": {"decode": 0.5, "encode": 1.5},
        "comparable": True,
        "reasons": [],
    }
    folder = out / name
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(fields | changes))
    return folder


def test_the_board_reads_what_it_shows(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (speed,) = collect(tmp_path).speeds
    assert (speed.folder, speed.hardware) == (folder, "NVIDIA H200")
    figures = speed.record.figures
    assert (figures.clips_per_second, figures.query_p95_seconds, figures.gflops_per_clip) == (512.5, 0.004, None)
    assert speed.record.stages == {"decode": 0.5, "encode": 1.5}


def test_speeds_are_no_evaluations_and_stand_beside_them(tmp_path: Path) -> None:
    write(tmp_path)
    board = collect(tmp_path)
    assert (board.rows, board.set_aside) == ((), ())
    assert [speed.record.figures.clips_per_second for speed in board.speeds] == [512.5]


def test_a_disturbed_or_broken_speed_is_shown_apart(tmp_path: Path) -> None:
    write(tmp_path, "a", comparable=False, reasons=["another process used the GPU"])
    write(tmp_path, "b", figures={"clips_per_second": -1})
    write(tmp_path, "c", schema_version=2)
    damaged, newer, disturbed = sorted(run.reason for run in collect(tmp_path).set_aside)
    assert "record.json is damaged: figures.clips_per_second" in damaged
    assert "record.json has schema version 2, this lbar reads up to 1" in newer
    assert disturbed == "speed of linear: another process used the GPU"
    with pytest.raises(UserError, match="is not a folder"):
        SpeedRecord.read(tmp_path / "absent")


def speed(
    hours: int, *, hardware: str = "A100", digest: str | None = "5f" * 32, precision: str = "fp32", **changes: Any
) -> Speed:
    """A measurement that many hours after the others began, of as many clips per second."""
    record = SpeedRecord.from_json(HISTORIC_SPEED.read_text(encoding="utf-8"))
    environment = record.environment.model_copy(update={"cpu": hardware, "logical_cores": 2})
    changed = {
        "created": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours),
        "system": record.system.model_copy(update={"digest": digest}),
        "settings": record.settings.model_copy(update={"precision": precision}),
        "environment": environment,
        "figures": record.figures.model_copy(update={"clips_per_second": float(hours)}),
        "comparable": True,
        "reasons": (),
    }
    return Speed(Path("x"), record.model_copy(update=changed | changes))


def test_a_column_has_one_machine_the_one_most_were_measured_on() -> None:
    first = historic()
    other = first.model_copy(update={"id": "a" * 32, "system": first.system.model_copy(update={"digest": "77" * 32})})
    speeds = [
        speed(1),
        speed(3),
        speed(2),
        speed(9, hardware="H200"),
        speed(1, hardware="A100", digest="77" * 32),
        speed(8, precision="bf16"),
        speed(7, comparable=False, reasons=("noisy",)),
        speed(6, digest=None),
    ]
    hardware, found = beside([first, other], speeds)
    assert hardware == "A100, 2 threads"
    assert {record: one.record.figures.clips_per_second for record, one in found.items()} == {first.id: 3, other.id: 1}
    assert beside([first], []) == ("", {})
    assert beside([first], [speed(1, digest="99" * 32)]) == ("", {})
