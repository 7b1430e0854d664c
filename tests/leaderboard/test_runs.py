from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from harness.protocols import PROTOCOLS, get_protocol
from harness.records import EvaluationRecord, ProtocolRecord, load_record
from leaderboard.runs import collect

HISTORIC = Path(__file__).parents[1] / "data" / "evaluation_v1.json"


def new_record(hours: int = 0, *, protocol: str = "everyday", **changes: Any) -> EvaluationRecord:
    """A record of today's rules, made `hours` after the first, with changes of its own or of its system."""
    record = load_record(HISTORIC.read_text(encoding="utf-8"))
    system = {name: changes.pop(name) for name in ("name", "digest") if name in changes}
    return record.model_copy(
        update={
            "id": uuid4().hex,
            "created": record.created + timedelta(hours=hours),
            "protocol": ProtocolRecord.model_validate(get_protocol(protocol)),
            "system": record.system.model_copy(update=system),
        }
        | changes
    )


def put(out: Path, record: EvaluationRecord) -> Path:
    folder = out / f"{record.created:%Y%m%dT%H%M%SZ}-{record.id}"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(record.to_json(), encoding="utf-8")
    return folder


def test_the_newest_run_of_each_system_and_protocol_stands(tmp_path: Path) -> None:
    put(tmp_path, new_record(0))
    newest = put(tmp_path, new_record(2))
    put(tmp_path, new_record(1))
    retrained = put(tmp_path, new_record(0, digest="77" * 32))
    other_name = put(tmp_path, new_record(0, name="other"))
    other_protocol = put(tmp_path, new_record(0, protocol="everyday-multi"))
    board = collect(tmp_path)
    assert {row.folder for row in board.rows} == {newest, retrained, other_name, other_protocol}
    assert board.set_aside == ()


def test_other_data_under_one_protocol_stands_on_its_own(tmp_path: Path) -> None:
    record = new_record()
    other = record.dataset.model_copy(update={"digest": "ee" * 32})
    folders = {put(tmp_path, record), put(tmp_path, new_record(dataset=other))}
    assert {row.folder for row in collect(tmp_path).rows} == folders


def test_a_newer_run_that_is_not_comparable_hides_nothing(tmp_path: Path) -> None:
    stands = put(tmp_path, new_record(0))
    put(tmp_path, new_record(1, comparable=False, reasons=("2 of 200 clips skipped", "another process used the GPU")))
    newest = put(
        tmp_path,
        new_record(2, comparable=False, reasons=("2 of 200 clips skipped", "another process used the GPU")),
    )
    board = collect(tmp_path)
    assert [row.folder for row in board.rows] == [stands]
    assert [(run.folder, run.reason) for run in board.set_aside] == [
        (newest, "2 of 200 clips skipped; another process used the GPU")
    ]


def test_other_rules_are_set_aside(tmp_path: Path) -> None:
    rules = ProtocolRecord.model_validate(PROTOCOLS["everyday"])
    put(tmp_path, new_record().model_copy(update={"protocol": rules.model_copy(update={"digest": "dead" * 16})}))
    put(tmp_path, new_record().model_copy(update={"protocol": rules.model_copy(update={"name": "clotho-dcase2031"})}))
    board = collect(tmp_path)
    assert board.rows == ()
    first, second = sorted(run.reason for run in board.set_aside)
    assert first == "evaluated under other rules of everyday (digest deaddead); evaluate it again"
    assert second == "this version of lbar has no protocol clotho-dcase2031"


@pytest.mark.parametrize("text", ["{", '{"kind": "evaluation", "schema_version": 99}'])
def test_what_cannot_be_read_is_named_and_stops_nothing(tmp_path: Path, text: str) -> None:
    stands = put(tmp_path, new_record())
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "record.json").write_text(text)
    board = collect(tmp_path)
    assert [row.folder for row in board.rows] == [stands]
    (run,) = board.set_aside
    assert run.record is None
    assert str(tmp_path / "broken" / "record.json") in run.reason


def test_no_runs_make_an_empty_board(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "absent"):
        assert collect(out).rows == ()


def test_each_precision_stands_for_itself(tmp_path: Path) -> None:
    full = new_record(0)
    half = full.model_copy(
        update={"id": uuid4().hex, "settings": full.settings.model_copy(update={"precision": "bf16"})}
    )
    folders = {put(tmp_path, full), put(tmp_path, half)}
    assert {row.folder for row in collect(tmp_path).rows} == folders
