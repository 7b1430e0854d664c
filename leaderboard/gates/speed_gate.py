"""Whether the code has become slower: times relative to a fixed piece of work, compared with a stored baseline.

The baseline and each repeat are files that `tox -e benchmark` writes. Times are divided by the time of the reference
work, measured in the same process just before and after, so that they are comparable across machines of one class. A
stage counts as slower only if two repeats agree, since a machine may be slow for a moment.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from pydantic import BaseModel, PositiveFloat, ValidationError

from harness.errors import UserError, listing
from harness.machine import read_json, write_text
from leaderboard.gates.result import GateRequest, GateResult

NAME = "speed"
SPEED_BASELINE = Path(__file__).with_name("speeds.json")
MEASURE = "LBAR_SPEEDS=FILE tox -e benchmark -- -k test_stage"
SCHEMA_VERSION = 1
LOSS = 0.15
"""The share of the baseline's time by which a stage may become slower."""
REPEATS = 2


class Speeds(BaseModel, frozen=True, extra="forbid"):
    """Times of one run of the benchmarks.

    Attributes:
        schema_version: version of the file format.
        hardware: class of the machine; times of different classes are not comparable, not even as ratios.
        ratios: the time of each stage divided by that of the reference work.
    """

    schema_version: int = SCHEMA_VERSION
    hardware: str
    ratios: dict[str, PositiveFloat]

    def to_json(self) -> str:
        """The times as indented JSON, to be kept under version control."""
        return self.model_dump_json(indent=2) + "\n"


def speed_gate(request: GateRequest) -> list[GateResult]:
    """Compare measured times with the baseline, or store the median of each stage in it.

    Raises:
        UserError: see `check_speed` and `write_speeds`.
    """
    path = request.baseline or SPEED_BASELINE
    if not request.update:
        return check_speed(path, request.speeds)
    stored = write_speeds(request.speeds, path)
    return [GateResult(NAME, stage, True, f"stored in {path} ({ratio:.3g})") for stage, ratio in stored.ratios.items()]


def check_speed(baseline: Path, repeats: Sequence[Path]) -> list[GateResult]:
    """Compare measurements with a baseline.

    Args:
        baseline: the stored file.
        repeats: at least two files, measured with the code as it is now.

    Returns:
        A result for each stage of the baseline, the largest loss first.

    Raises:
        UserError: a file is missing, damaged or of another schema, the machines are of different classes, or there are
            fewer than two repeats.
    """
    if len(repeats) < REPEATS:
        raise UserError(
            f"{len(repeats)} measurement{'' if len(repeats) == 1 else 's'} cannot tell a loss from a slow moment; give "
            f"{REPEATS} by --speeds, from two runs of `{MEASURE}`"
        )
    stored = read_speeds(baseline)
    now = _of_one_class(repeats, f"the baseline {baseline}", stored.hardware)
    losses = {stage: _loss(stage, ratio, now) for stage, ratio in stored.ratios.items()}
    by_loss = sorted(losses.items(), key=lambda entry: -entry[1])
    return [GateResult(NAME, stage, loss <= LOSS, _message(loss)) for stage, loss in by_loss]


def write_speeds(repeats: Sequence[Path], path: Path) -> Speeds:
    """Store a baseline: the median of each stage over the measurements.

    Raises:
        UserError: there is no measurement, one cannot be read, or they are of machines of different classes.
    """
    if not repeats:
        raise UserError(f"nothing to store: give measurements by --speeds, from runs of `{MEASURE}`")
    first = read_speeds(repeats[0])
    found = _of_one_class(repeats, str(repeats[0]), first.hardware)
    stages = [stage for stage in first.ratios if all(stage in one.ratios for one in found)]
    stored = Speeds(
        hardware=first.hardware, ratios={stage: median(one.ratios[stage] for one in found) for stage in stages}
    )
    write_text(path, stored.to_json())
    return stored


def _of_one_class(paths: Sequence[Path], what: str, hardware: str) -> list[Speeds]:
    found = [read_speeds(path) for path in paths]
    for path, speeds in zip(paths, found, strict=True):
        if speeds.hardware != hardware:
            raise UserError(
                f"{path} was measured on {speeds.hardware}, {what} on {hardware}; measure both on machines of one class"
            )
    return found


def _loss(stage: str, ratio: float, now: Sequence[Speeds]) -> float:
    """The smallest relative loss over the repeats, negative for a gain; infinite if a repeat lacks the stage."""
    if not all(stage in speeds.ratios for speeds in now):
        return float("inf")
    return min(speeds.ratios[stage] for speeds in now) / ratio - 1


def _message(loss: float) -> str:
    if loss == float("inf"):
        return "is in the baseline and was not measured; run all benchmarks, or store the baseline anew"
    if loss > LOSS:
        return f"takes {loss:.0%} longer than the baseline, in every repeat"
    return f"{loss:+.0%} beside the baseline"


def read_speeds(path: Path) -> Speeds:
    """Read a baseline or a repeat.

    Raises:
        UserError: it is missing, damaged, or of another schema.
    """
    try:
        fields = read_json(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; `{MEASURE}` writes one") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); write it again with `{MEASURE}`") from error
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version!r}, this lbar reads {SCHEMA_VERSION}; write it again with `{MEASURE}`"
        )
    try:
        return Speeds.model_validate(fields)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise listing(f"{path} is damaged", problems) from error
