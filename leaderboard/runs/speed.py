"""Speed beside quality: what the board shows of a speed record, and which one belongs to which evaluation.

A speed belongs to a system on a machine. It stands beside an evaluation of the same system digest at the same
precision, and a column holds speeds of one machine only: the join is by digest, precision and hardware.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.runs import EvaluationRecord, SpeedRecord, UtcTime, hardware_of


@dataclass(frozen=True, slots=True)
class Speed:
    """What the board shows of a speed record; a figure that was not measured is `None`.

    Attributes:
        folder: the run folder.
        created: when it was measured.
        system: name of the system.
        digest: digest of the system, `None` where it does not say what decides its output.
        precision: the precision it was built for.
        hardware: what it ran on; see `hardware_of`.
        clips_per_second: clips embedded per second.
        query_p95_seconds: 95th percentile of the time to answer a query.
        gflops_per_clip: 10^9 floating-point operations for one clip.
        stages: seconds per clip, by stage.
        reasons: why it may not stand beside others; empty where it may.
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

    @classmethod
    def of(cls, folder: Path, record: SpeedRecord) -> "Speed":
        """What the board shows of the record of a run folder."""
        figures = record.figures
        return cls(
            folder=folder,
            created=record.created,
            system=record.system.name,
            digest=record.system.digest,
            precision=record.settings.precision,
            hardware=hardware_of(record.environment, record.settings.device),
            clips_per_second=figures.clips_per_second,
            query_p95_seconds=figures.query_p95_seconds,
            gflops_per_clip=figures.gflops_per_clip,
            stages=record.stages,
            reasons=record.reasons,
        )


def beside(records: Iterable[EvaluationRecord], speeds: Iterable[Speed]) -> tuple[str, dict[str, Speed]]:
    """The speeds that stand beside these evaluations, all of one machine: the one with speeds of most of them.

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
