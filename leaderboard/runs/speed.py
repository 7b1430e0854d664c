"""Speed beside quality: what the board reads of a speed record, and which one belongs to which evaluation.

A speed is of a system on a machine. It stands beside an evaluation of the same system digest at the same precision,
and in one column stand only speeds of one machine, so the join is by digest, precision and hardware.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError

from harness.errors import UserError
from harness.machine import Environment
from harness.runs import EvaluationRecord, UtcTime, hardware_of

KIND = "speed"
"""What the record of a speed measurement says it is."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What the board shows of a speed record; a figure that was not measured is `None`.

    Attributes:
        folder: the run folder.
        created: when.
        system: name of the system.
        digest: of the system, `None` where it does not say what decides its output.
        precision: it was built for.
        hardware: what it ran on; see `hardware_of`.
        clips_per_second: clips embedded in a second.
        query_p95_seconds: 95 of 100 queries are answered in this time or less.
        gflops_per_clip: thousand million floating-point operations for one clip.
        stages: seconds by stage.
        reasons: why it may not stand beside others; none where it may.
    """

    folder: Path
    created: UtcTime
    system: str
    digest: str | None
    precision: str
    hardware: str
    clips_per_second: float | None = None
    query_p95_seconds: float | None = None
    gflops_per_clip: float | None = None
    stages: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


class _Part(BaseModel):
    """Of a speed record only what the board shows; what else is in it is its own affair."""

    model_config = ConfigDict(extra="ignore")


class _System(_Part):
    name: str
    digest: str | None = None


class _Settings(_Part):
    device: str
    precision: str


class _Figures(_Part):
    clips_per_second: NonNegativeFloat | None = None
    query_p95_seconds: NonNegativeFloat | None = None
    gflops_per_clip: NonNegativeFloat | None = None


class _Record(_Part):
    created: UtcTime
    system: _System
    settings: _Settings
    environment: Environment
    figures: _Figures
    stages: dict[str, NonNegativeFloat] = {}
    comparable: bool = True
    reasons: tuple[str, ...] = ()


def read_speed(folder: Path) -> Speed:
    """Read the speed record of a run folder.

    Raises:
        UserError: it cannot be read, or lacks what the board needs.
    """
    path = folder / "record.json"
    try:
        record = _Record.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise UserError(f"{path} is no speed record the board can read: {'; '.join(problems)}", problems) from error
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    return Speed(
        folder=folder,
        created=record.created,
        system=record.system.name,
        digest=record.system.digest,
        precision=record.settings.precision,
        hardware=hardware_of(record.environment, record.settings.device),
        **record.figures.model_dump(),
        stages=record.stages,
        reasons=() if record.comparable else record.reasons or ("it was marked as not comparable",),
    )


def beside(records: Iterable[EvaluationRecord], speeds: Iterable[Speed]) -> tuple[str, dict[str, Speed]]:
    """The speeds that stand beside these evaluations: all of the one machine on which most of them were measured.

    Returns:
        The machine, empty where nothing was measured, and by record id the newest speed there.
    """
    wanted = {record.id: (record.system.digest, record.settings.precision) for record in records}
    newest: dict[tuple[str, str | None, str], Speed] = {}
    for speed in sorted(speeds, key=lambda speed: speed.created):
        if speed.digest is not None and not speed.reasons:
            newest[speed.hardware, speed.digest, speed.precision] = speed
    covered = Counter(hardware for hardware, *key in newest for one in wanted.values() if one == tuple(key))
    if not covered:
        return "", {}
    hardware = min(covered, key=lambda name: (-covered[name], name))
    found = {record_id: newest.get((hardware, *key)) for record_id, key in wanted.items()}
    return hardware, {record_id: speed for record_id, speed in found.items() if speed}
