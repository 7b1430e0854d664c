"""Speed beside quality: which speed measurement belongs to which evaluation.

A speed belongs to a system on a machine. It stands beside an evaluation of the same system digest at the same
precision, and a column holds speeds of one machine only: the join is by digest, precision and hardware.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harness.runs import EvaluationRecord, SpeedRecord, hardware_of


class Speed(NamedTuple):
    """A run folder of a speed measurement, and its record."""

    folder: Path
    record: SpeedRecord

    @property
    def hardware(self) -> str:
        """The machine it was measured on; see `hardware_of`."""
        return hardware_of(self.record.environment, self.record.settings.device)


def beside(records: Iterable[EvaluationRecord], speeds: Iterable[Speed]) -> tuple[str, dict[str, Speed]]:
    """The speeds that stand beside these evaluations, all of one machine: the one with speeds of most of them.

    Returns:
        The machine, empty where nothing was measured, and by record id the newest speed there.
    """
    wanted = {record.id: (record.system.digest, record.settings.precision) for record in records}
    newest: dict[tuple[str, str | None, str], Speed] = {}
    for speed in sorted(speeds, key=lambda speed: speed.record.created):
        if speed.record.system.digest is not None and speed.record.comparable:
            newest[speed.hardware, speed.record.system.digest, speed.record.settings.precision] = speed
    covered = Counter(hardware for hardware, *key in newest for one in wanted.values() if one == tuple(key))
    if not covered:
        return "", {}
    hardware = min(covered, key=lambda name: (-covered[name], name))
    found = {record_id: newest.get((hardware, *key)) for record_id, key in wanted.items()}
    return hardware, {record_id: speed for record_id, speed in found.items() if speed}
