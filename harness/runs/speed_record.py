"""What is kept of a speed measurement: frozen, typed, readable as JSON by every later version."""

import json
from datetime import UTC, datetime
from typing import Literal, Self
from uuid import uuid4

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from harness.errors import UserError
from harness.machine.environment import Environment
from harness.runs.records import SystemRecord, UtcTime
from harness.throughput.instruments.ceilings import Ceilings
from harness.throughput.instruments.memory import Memory
from harness.throughput.instruments.timing import Effort, Samples
from harness.throughput.instruments.watching import Meters, Threads

SCHEMA_VERSION = 1
KIND = "speed"

MOST_DRIFT = 0.05
"""Share by which medians of the same may differ before they count as noisy."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClipsRecord(_Part):
    """The real clips that were measured on.

    `audio_digest` is over their samples at the system's rate, `seconds` their length together.
    """

    dataset: str
    split: str
    clips: NonNegativeInt
    seconds: NonNegativeFloat
    audio_digest: str


class SpeedSettings(_Part):
    """How it was measured; `batch_size` is the one that was chosen by the sweep where none was asked for."""

    device: str
    precision: str
    compiled: bool
    batch_size: PositiveInt
    effort: Effort


class SweepStep(_Part):
    """One batch size: clips a second, or `None` where the device ran out of memory."""

    batch_size: PositiveInt
    clips_per_second: PositiveFloat | None


class CaseRecord(_Part):
    """One thing that was done again and again. Times are wall time of one iteration; the folder has every sample.

    Attributes:
        name: the workload, and what it was done on.
        unit: what is counted.
        items: of them in one iteration.
        iterations: that count.
        warm_ups: before them.
        p50: median seconds; so 90, 95, 99.
        spread: distance of the quartiles as a share of the median.
        drift: distance of the medians of the two halves, as a share.
        per_second: items in a second, from the median.
        device_p50: median of what the device's own marks say.
        audio_seconds: length of what was heard in one iteration.
        real_time_factor: audio seconds in a second.
        flops: operations in one iteration, by stage.
        bytes_read: of the collection that was searched, in one iteration.
        limit_seconds: what operations and bytes take at the device's ceilings.
        share_of_limit: of the median that `limit_seconds` is.
        stages: seconds of one iteration by stage, from a pass of its own without overlap.
        split_seconds: one iteration of that pass; what the stages leave of it is nobody's.
        cores_busy: that this process kept busy.
        watts: mean power of the accelerator.
        items_per_joule: from the same.
        reasons: why it may not stand beside others.
    """

    name: str
    unit: str
    items: PositiveInt
    iterations: PositiveInt
    warm_ups: NonNegativeInt
    p50: PositiveFloat
    p90: PositiveFloat
    p95: PositiveFloat
    p99: PositiveFloat
    spread: NonNegativeFloat
    drift: NonNegativeFloat
    per_second: PositiveFloat
    device_p50: NonNegativeFloat | None = None
    audio_seconds: PositiveFloat | None = None
    real_time_factor: PositiveFloat | None = None
    flops: dict[str, NonNegativeFloat] = {}
    bytes_read: NonNegativeInt = 0
    limit_seconds: PositiveFloat | None = None
    share_of_limit: PositiveFloat | None = None
    stages: dict[str, NonNegativeFloat] = {}
    split_seconds: NonNegativeFloat = 0
    cores_busy: NonNegativeFloat
    watts: PositiveFloat | None = None
    items_per_joule: PositiveFloat | None = None
    reasons: tuple[str, ...] = ()

    @property
    def missing_seconds(self) -> float:
        """What the stages do not account for."""
        return self.split_seconds - sum(self.stages.values())


class WorkloadRecord(_Part):
    """A workload: its cases, and the memory of the largest; `left_out` says what could not be measured, and why."""

    name: str
    about: str
    cases: tuple[CaseRecord, ...]
    memory: Memory | None = None
    meters: Meters | None = None
    left_out: tuple[str, ...] = ()


class Quality(_Part):
    """What a faster way to compute changes: the primary measure, and cosines to what fp32 without it says."""

    protocol: str
    measure: str
    value: FiniteFloat
    reference: FiniteFloat
    least_cosine_audio: FiniteFloat
    mean_cosine_audio: FiniteFloat
    least_cosine_text: FiniteFloat
    mean_cosine_text: FiniteFloat


class Figures(_Part):
    """What a board shows; `None` where it was not measured.

    Clips a second are of `index` on real clips, the 95th percentile that of single queries of 1,045 clips, `overhead`
    what the harness adds to the bare encoder on clips in memory.
    """

    clips_per_second: NonNegativeFloat | None = None
    query_p95_seconds: NonNegativeFloat | None = None
    gflops_per_clip: NonNegativeFloat | None = None
    real_time_factor: NonNegativeFloat | None = None
    share_of_limit: NonNegativeFloat | None = None
    clips_per_joule: NonNegativeFloat | None = None
    overhead: FiniteFloat | None = None


class SpeedRecord(_Part):
    """How fast one system is on one machine.

    `stages` are seconds a clip, of the workload that has most of them. `comparable` says whether the figures may stand
    beside others; where not, `reasons` says why.
    """

    schema_version: Literal[1] = 1
    kind: Literal["speed"] = "speed"
    id: str = Field(default_factory=lambda: uuid4().hex, pattern="^[0-9a-f]{32}$")
    created: UtcTime = Field(default_factory=lambda: datetime.now(UTC))
    system: SystemRecord
    clips: ClipsRecord
    settings: SpeedSettings
    environment: Environment
    threads: Threads
    ceilings: Ceilings
    figures: Figures
    stages: dict[str, NonNegativeFloat]
    workloads: tuple[WorkloadRecord, ...]
    sweep: tuple[SweepStep, ...]
    quality: Quality | None = None
    comparable: bool = True
    reasons: tuple[str, ...] = ()
    command: str

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.comparable == bool(self.reasons):
            raise ValueError("a comparable record has no reasons against it, any other has at least one")
        return self

    def to_json(self) -> str:
        """The record as indented JSON; `load_speed` gives back an equal record."""
        return self.model_dump_json(indent=2) + "\n"


def case_record(
    name: str,
    unit: str,
    items: int,
    samples: Samples,
    ceilings: Ceilings,
    *,
    audio_seconds: float | None = None,
    flops: dict[str, float] | None = None,
    bytes_read: int = 0,
    stages: dict[str, float] | None = None,
    split_seconds: float = 0,
    cores_busy: float = 0,
    watts: float | None = None,
    reasons: tuple[str, ...] = (),
) -> CaseRecord:
    """Derive the figures of a case from its samples and the ceilings of the same run."""
    p50, p90, p95, p99 = (samples.percentile(share) for share in (50, 90, 95, 99))
    limit = sum((flops or {}).values()) / ceilings.matrix_flops_per_second
    limit += bytes_read / ceilings.read_bytes_per_second
    device = sorted(samples.device_seconds)
    return CaseRecord(
        name=name,
        unit=unit,
        items=items,
        iterations=len(samples.seconds),
        warm_ups=samples.warm_ups,
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        spread=samples.spread,
        drift=samples.drift,
        per_second=items / p50,
        device_p50=device[len(device) // 2] if device else None,
        audio_seconds=audio_seconds,
        real_time_factor=audio_seconds / p50 if audio_seconds else None,
        flops=flops or {},
        bytes_read=bytes_read,
        limit_seconds=limit or None,
        share_of_limit=limit / p50 or None,
        stages=stages or {},
        split_seconds=split_seconds,
        cores_busy=cores_busy,
        watts=watts,
        items_per_joule=items / p50 / watts if watts else None,
        reasons=(*reasons, *noise(name, samples)),
    )


def noise(name: str, samples: Samples) -> tuple[str, ...]:
    """What in the samples themselves says that another run may find something else."""
    said = []
    if not samples.steady:
        said.append(f"noisy: {name} did not become steady in {samples.warm_ups} warm-ups")
    if samples.drift > MOST_DRIFT:
        said.append(f"noisy: {name}: the medians of the two halves differ by {samples.drift:.0%}")
    if samples.spread > 0.2:
        said.append(f"noisy: {name}: the quartiles lie {samples.spread:.0%} of the median apart")
    return tuple(said)


def load_speed(text: str, source: str = "record") -> SpeedRecord:
    """Read a speed record.

    Raises:
        UserError: it is no JSON, no speed record, damaged, or was written by a newer version.
    """
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise UserError(f"{source} is not JSON ({error}); measure again with `lbar bench`") from error
    if not isinstance(fields, dict) or fields.get("kind") != KIND:
        raise UserError(f'{source} is not the record of a speed measurement: its field `kind` is not "{KIND}"')
    version = fields.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{source} has schema version {version!r}, this lbar reads {SCHEMA_VERSION}; measure again by `lbar bench`"
        )
    try:
        return SpeedRecord.model_validate(fields)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors()]
        raise UserError(f"{source} is damaged: {'; '.join(problems)}", problems) from error
