"""Whether the code has become slower: times in units of a fixed piece of work, against a stored baseline.

A baseline and each repeat is one file that `tox -e benchmark` writes. Times are divided by that of the reference work,
done in the same process at the same moment, so that they hold across machines of one class. Two repeats have to agree:
one slow moment of a machine is no loss.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, ValidationError

from harness.errors import UserError, listing

SCHEMA_VERSION = 1
LOSS = 0.15
"""Share of the baseline's time by which a stage may become slower."""
REPEATS = 2


class Speeds(BaseModel):
    """Times of one run of the benchmarks.

    Attributes:
        schema_version: of this file.
        hardware: class of the machine: times of different ones do not compare, not even as ratios.
        ratios: by stage, its time divided by the reference work's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    hardware: str
    ratios: dict[str, PositiveFloat]

    def to_json(self) -> str:
        """As indented JSON, to be kept under version control."""
        return self.model_dump_json(indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class SpeedFinding:
    """A stage that became slower, or that was not measured; `loss` is the smallest that the repeats agree on."""

    stage: str
    loss: float | None

    @property
    def message(self) -> str:
        """One sentence."""
        if self.loss is None:
            return f"{self.stage} is in the baseline and was not measured; run all benchmarks, or take it out"
        return f"{self.stage} takes {self.loss:.0%} longer than the baseline, in every repeat"


def speed_findings(baseline: Path, repeats: Sequence[Path]) -> list[SpeedFinding]:
    """Compare repeats with a baseline.

    Args:
        baseline: the stored file.
        repeats: at least two files of the code as it is now.

    Returns:
        What is worse, the worst first; empty where nothing is.

    Raises:
        UserError: a file is missing, damaged or of another schema, the machines are of different classes, or there are
            fewer than two repeats.
    """
    if len(repeats) < REPEATS:
        raise UserError(
            f"{len(repeats)} measurement cannot tell a loss from a slow moment; give {REPEATS}, from two runs of "
            "`tox -e benchmark`"
        )
    stored = read_speeds(baseline)
    now = [read_speeds(path) for path in repeats]
    for path, speeds in zip(repeats, now, strict=True):
        if speeds.hardware != stored.hardware:
            raise UserError(
                f"{path} was measured on {speeds.hardware}, the baseline {baseline} on {stored.hardware}; "
                "measure both on machines of one class"
            )
    findings = []
    for stage, ratio in stored.ratios.items():
        found = [speeds.ratios[stage] for speeds in now if stage in speeds.ratios]
        if len(found) < len(now):
            findings.append(SpeedFinding(stage, None))
        elif min(found) > (1 + LOSS) * ratio:
            findings.append(SpeedFinding(stage, min(found) / ratio - 1))
    return sorted(findings, key=lambda finding: -(finding.loss or 0))


def read_speeds(path: Path) -> Speeds:
    """Read a baseline or a repeat.

    Raises:
        UserError: it is missing, damaged, or of another schema.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; `tox -e benchmark` writes one") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); write it again with `tox -e benchmark`") from error
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version!r}, this lbar reads {SCHEMA_VERSION}; "
            "write it again with `tox -e benchmark`"
        )
    try:
        return Speeds.model_validate(fields)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise listing(f"{path} is damaged", problems) from error
