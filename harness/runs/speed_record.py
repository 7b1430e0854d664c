"""What is kept of a speed measurement: frozen, typed, readable as JSON by every later version."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError

from harness.errors import UserError
from harness.machine import Environment, kind_of
from harness.runs.records import UtcTime

if TYPE_CHECKING:
    pass


from typing import TYPE_CHECKING

from pydantic import PositiveFloat

if TYPE_CHECKING:
    pass

from datetime import UTC, datetime
from typing import Literal, Self
from uuid import uuid4

from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from harness.runs.records import SystemRecord

SCHEMA_VERSION = 1
KIND = "speed"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        warm_ups: calls before the first that counts, at the least.
        steady: warm until this many calls in a row ...
        within: ... differ by less than this share; but no longer than
        most_warm_up_seconds: this.
        iterations: calls that count, at the least.
        seconds: that they take together, at the least.
    """

    warm_ups: int = 10
    steady: int = 5
    within: float = 0.03
    most_warm_up_seconds: float = 30.0
    iterations: int = 20
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Samples:
    """How long each call took.

    Attributes:
        seconds: wall time of each, in order.
        device_seconds: what the device was busy between the marks of its queue; none on a processor.
        warm_ups: calls before the first that counts.
        steady: whether the warm-up ended because the calls had become alike.
    """

    seconds: tuple[float, ...]
    device_seconds: tuple[float, ...]
    warm_ups: int
    steady: bool

    def percentile(self, share: float) -> float:
        """Seconds that `share` per cent of the calls stayed within."""
        return float(np.percentile(self.seconds, share))

    @property
    def drift(self) -> float:
        """How far the medians of the first and the second half lie apart, as a share of the smaller."""
        half = len(self.seconds) // 2
        if not half:
            return 0.0
        first, second = (float(np.median(part)) for part in (self.seconds[:half], self.seconds[-half:]))
        return max(first, second) / min(first, second) - 1

    @property
    def spread(self) -> float:
        """The distance of the quartiles as a share of the median."""
        return (self.percentile(75) - self.percentile(25)) / self.percentile(50)


class Memory(BaseModel):
    """Most bytes at any moment.

    Attributes:
        resident: of main memory that the process held, `None` where the system does not tell.
        added: what of it came on during the work.
        allocated: of an accelerator's memory, by tensors.
        reserved: the same, by torch for tensors to come.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resident: int | None
    added: int | None
    allocated: int | None = None
    reserved: int | None = None


class Meters(BaseModel):
    """What the accelerator's own meters said meanwhile: means over the measurement, the lowest clock beside.

    `None` where the driver does not tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    power_watts: float | None = None
    power_limit_watts: float | None = None
    sm_clock_mhz: float | None = None
    least_sm_clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    temperature_celsius: float | None = None


class Threads(BaseModel):
    """With how many threads was computed.

    Attributes:
        cores: that this process may use.
        torch: threads of torch, `None` where it was not loaded.
        blas: of each matrix library, by its name.
        environment: variables that set them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int
    torch: int | None
    blas: dict[str, int]
    environment: dict[str, str]


class Ceilings(BaseModel):
    """The limits of a device.

    Attributes:
        device: which, in torch's words.
        precision: of the matrix product.
        matrix_flops_per_second: of the fastest of a few large square matrix products, 2 a multiply-accumulate.
        read_bytes_per_second: of the fastest of a few passes over memory much larger than any cache.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    precision: str
    matrix_flops_per_second: PositiveFloat
    read_bytes_per_second: PositiveFloat


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


def hardware_of(environment: Environment, device: str) -> str:
    """The machine as far as it decides a speed: the accelerator, or the processor and how many cores it has.

    >>> hardware_of(Environment(code="", git=None, packages={}, python="", platform="", cpu="EPYC", physical_cores=2,
    ...     logical_cores=4, memory_bytes=None), "cpu")
    'EPYC, 4 threads'
    """
    if kind_of(device) != "cpu" and environment.accelerator:
        return environment.accelerator.name
    return f"{environment.cpu}, {environment.logical_cores} threads"
