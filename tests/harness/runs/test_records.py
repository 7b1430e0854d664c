import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.errors import UserError
from harness.interface.system import SystemInfo
from harness.measures.summary import MeasureRecord
from harness.protocols.description import get_protocol
from harness.runs.any_record import SystemRecord
from harness.runs.records import EvaluationRecord, ProtocolRecord

HISTORIC = Path(__file__).parents[2] / "data" / "evaluation_v1.json"


@pytest.fixture
def record() -> EvaluationRecord:
    return EvaluationRecord.from_json(HISTORIC.read_text(encoding="utf-8"))


def test_the_first_schema_version_still_loads(record: EvaluationRecord) -> None:
    assert record.created == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert record.primary == MeasureRecord(
        name="mAP@10", value=0.31234567890123455, optimistic=0.3125, low=0.29, high=0.334
    )
    assert record.system.trained_on == ("everyday",)
    assert record.environment.git is not None
    assert record.environment.git.commit == "1" * 40
    assert record.environment.device_processes == ("4711 python",)


def test_a_historic_file_is_written_back_byte_for_byte(record: EvaluationRecord) -> None:
    assert record.to_json() == HISTORIC.read_text(encoding="utf-8")


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    value=finite,
    low=finite,
    seconds=st.floats(min_value=0, allow_infinity=False),
    text=st.text(),
    created=st.datetimes(
        datetime(1900, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
    ),
)
def test_json_gives_back_an_equal_record(
    value: float, low: float, seconds: float, text: str, created: datetime
) -> None:
    fields = json.loads(HISTORIC.read_text(encoding="utf-8"))
    fields["measures"][0] |= {"value": value, "low": min(low, value), "high": value, "optimistic": value}
    fields["seconds"]["total"] = seconds
    fields["skipped"] = [{"clip": text, "reason": "broken"}]
    record = EvaluationRecord.model_validate(fields | {"created": created})
    again = EvaluationRecord.from_json(record.to_json())
    assert again == record
    assert again.created.utcoffset() == timedelta(0)


@pytest.mark.parametrize("changes", [{"value": 0.9}, {"value": 0.1}, {"low": 0.55}, {"high": 0.4}, {"optimistic": 0.4}])
def test_a_measure_outside_of_its_own_interval_is_refused(changes: dict[str, float]) -> None:
    fields = json.loads(HISTORIC.read_text(encoding="utf-8"))
    sound = {"value": 0.5, "optimistic": 0.5, "low": 0.45, "high": 0.55}
    fields["measures"][0] |= sound
    EvaluationRecord.from_json(json.dumps(fields))
    fields["measures"][0] |= changes
    name = fields["measures"][0]["name"]
    with pytest.raises(UserError, match=rf"damaged: measures\.0: .*{name} is [\d.]+ where its interval is from"):
        EvaluationRecord.from_json(json.dumps(fields))


def test_parts_are_built_from_what_they_describe() -> None:
    protocol = get_protocol("clotho-dcase2025")
    assert ProtocolRecord.model_validate(protocol) == ProtocolRecord(
        name="clotho-dcase2025", digest=protocol.digest, primary="mAP@16", direction="text-to-audio"
    )
    assert SystemRecord(**asdict(SystemInfo("mine", 16_000)), code="c0").trained_on == ()


def test_records_are_frozen_and_closed(record: EvaluationRecord) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        record.command = "another"  # type: ignore[misc]
    with pytest.raises(UserError, match="surprise: Extra inputs"):
        EvaluationRecord.from_json(json.dumps(json.loads(record.to_json()) | {"surprise": 1}))


def test_two_new_records_differ(record: EvaluationRecord) -> None:
    fields = record.model_dump(exclude={"id", "created"})
    assert EvaluationRecord(**fields).id != EvaluationRecord(**fields).id


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"comparable": False}, "at least one"),
        ({"reasons": ["2 clips skipped"]}, "no reasons"),
        ({"measures": []}, "mAP@10 is not among the measures"),
        ({"tied_fraction": 1.5}, "tied_fraction: Input should be less than or equal to 1"),
        ({"created": "2026-01-02T03:04:05"}, "created: Input should have timezone info"),
        ({"id": "../../etc"}, "id: String should match"),
    ],
)
def test_a_damaged_record_is_refused_naming_file_and_field(change: dict[str, object], problem: str) -> None:
    fields = json.loads(HISTORIC.read_text(encoding="utf-8")) | change
    with pytest.raises(UserError) as refused:
        EvaluationRecord.from_json(json.dumps(fields), "runs/a/record.json")
    assert str(refused.value).startswith("runs/a/record.json is damaged: ")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_problems_are_listed() -> None:
    fields = json.loads(HISTORIC.read_text(encoding="utf-8"))
    del fields["command"]
    fields["seconds"]["total"] = -1
    with pytest.raises(UserError) as refused:
        EvaluationRecord.from_json(json.dumps(fields))
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["seconds.total", "command"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ('{"kind": "evaluat', "is not JSON"),
        ("[1, 2]", "is not the record of an evaluation"),
        ('{"kind": "speed", "schema_version": 1}', "is not the record of an evaluation"),
        ('{"kind": "evaluation"}', "has schema_version None"),
        ('{"kind": "evaluation", "schema_version": 0}', "has schema_version 0"),
        ('{"kind": "evaluation", "schema_version": 2, "new": 1}', "update lbar"),
    ],
)
def test_what_is_no_record_of_this_version_is_refused_in_a_line(text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as refused:
        EvaluationRecord.from_json(text, "runs/a/record.json")
    assert str(refused.value).startswith("runs/a/record.json ")
    assert "\n" not in str(refused.value)


def test_an_older_version_is_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch, record: EvaluationRecord) -> None:
    """Version 1 read by imagined later versions that renamed a field twice."""
    monkeypatch.setattr(EvaluationRecord, "VERSION", 3)
    monkeypatch.setattr(
        EvaluationRecord,
        "MIGRATIONS",
        {
            1: lambda fields: {"call" if name == "command_line" else name: value for name, value in fields.items()},
            2: lambda fields: {"command" if name == "call" else name: value for name, value in fields.items()},
        },
    )
    old = json.loads(record.to_json())
    old["command_line"] = old.pop("command")
    assert EvaluationRecord.from_json(json.dumps(old)) == record
