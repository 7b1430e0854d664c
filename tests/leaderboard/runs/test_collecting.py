from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from harness.protocols.description import get_protocol
from harness.protocols.named import PROTOCOLS
from harness.runs.records import EvaluationRecord, ProtocolRecord
from harness.runs.run_folder import read_record
from leaderboard.runs.collecting import collect, labels, stage_of

HISTORIC = Path(__file__).parents[2] / "data" / "evaluation_v1.json"


def new_record(hours: int = 0, *, protocol: str = "everyday", **changes: Any) -> EvaluationRecord:
    """A record of today's rules, made `hours` after the first, with changes of its own or of its system."""
    record = EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))
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
    assert [(run.folder, run.record, run.reason) for run in board.set_aside] == [
        (newest, read_record(newest), "2 of 200 clips skipped; another process used the GPU")
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
    assert (run.folder, run.record) == (tmp_path / "broken", None)
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


def test_a_record_of_another_kind_is_set_aside(tmp_path: Path) -> None:
    put(tmp_path, new_record())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "record.json").write_text('{"kind": "survey", "schema_version": 1}')
    board = collect(tmp_path)
    assert len(board.rows) == 1
    (apart,) = board.set_aside
    assert "is a record of kind 'survey'; known are evaluation, speed" in apart.reason


def test_two_folders_with_one_run_count_once(tmp_path: Path) -> None:
    record = new_record()
    first = put(tmp_path, record)
    (tmp_path / "z copy").mkdir()
    (tmp_path / "z copy" / "record.json").write_text(record.to_json(), encoding="utf-8")
    board = collect(tmp_path)
    assert [row.folder for row in board.rows] == [first]
    assert [run.reason for run in board.set_aside] == [
        f"{tmp_path / 'z copy'} holds the same run as {first}; delete one of them"
    ]


def test_a_system_that_may_have_learned_what_it_is_asked_is_never_ranked(tmp_path: Path) -> None:
    record = new_record()
    leaky = record.system.model_copy(update={"card": {"training": {"leaks": "allow", "data": ["clotho"]}}})
    folder = put(tmp_path, new_record(system=leaky))
    board = collect(tmp_path)
    assert board.rows == ()
    (run,) = board.set_aside
    assert (run.folder, run.record and run.record.system) == (folder, leaky)
    assert "its card allows leaks" in run.reason


def test_names_side_by_side() -> None:
    plain = new_record()
    half = new_record(settings=plain.settings.model_copy(update={"precision": "bf16"}))
    other = new_record(digest="77" * 32)
    assert labels([plain]) == ("linear",)
    assert labels([plain, half]) == ("linear", "linear bf16")
    assert labels([plain, other]) == ("linear 5f5f5f5f", "linear 77777777")
    later = new_record(1)
    assert labels([plain, later]) == ("linear 5f5f5f5f 2026-01-02 03:04:05", "linear 5f5f5f5f 2026-01-02 04:04:05")
    assert [len(name) for name in labels([new_record(name="x" * 10_000)])] == [60]


def test_runs_that_differ_in_nothing_but_their_id_have_names_of_their_own() -> None:
    first, second, third = new_record(), new_record(), new_record(name="other")
    date = "2026-01-02 03:04:05"
    assert labels([first, second, third]) == (
        f"linear 5f5f5f5f {date} {first.id[:8]}",
        f"linear 5f5f5f5f {date} {second.id[:8]}",
        "other",
    )
    # Names that agree when they are cut are told apart as well.
    long = [new_record(name=f"{'x' * 100}{end}", digest=None) for end in "ab"]
    assert len(set(labels(long))) == 2


def test_the_stage_is_what_the_card_says() -> None:
    def stage(card: dict[str, Any] | None) -> str:
        record = new_record()
        return stage_of(record.model_copy(update={"system": record.system.model_copy(update={"card": card})}))

    assert stage(None) == stage({"name": "linear"}) == ""
    assert stage({"training": {"data": ["clotho"]}}) == "stage 1"
    assert stage({"training": {"teachers": ["a", "b", "c"]}}) == "stage 2, M=3"
