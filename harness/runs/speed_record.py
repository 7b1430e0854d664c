"""What is kept of a speed measurement."""

from typing import ClassVar, Literal, Self

from pydantic import Field, FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from harness.machine import Environment
from harness.runs.any_record import Part, Record, SystemRecord, require_reasons
from harness.runs.measured_machine import Ceilings, Memory, Meters, Threads
from harness.runs.timing_samples import Effort


class ClipsRecord(Part):
    """The real clips that were measured on.

    `audio_digest` is over their samples at the system's rate, `seconds` their total length.
    """

    dataset: str
    split: str
    clips: NonNegativeInt
    seconds: NonNegativeFloat
    audio_digest: str


class SpeedSettings(Part):
    """How it was measured; `batch_size` is the one the sweep chose where the user named none."""

    device: str
    precision: str
    compiled: bool
    batch_size: PositiveInt
    effort: Effort


class SweepStep(Part):
    """One batch size of the sweep: clips per second, or `None` where the device ran out of memory."""

    batch_size: PositiveInt
    clips_per_second: PositiveFloat | None


class CaseRecord(Part):
    """One operation that was repeated. Times are wall time of one iteration; the run folder has every sample.

    Attributes:
        name: the workload, and the data it ran on.
        unit: what is counted, such as clips or queries.
        items: how many of these one iteration processes.
        iterations: number of iterations that count.
        warm_ups: number of iterations before them.
        p50: median, in seconds; `p90`, `p95` and `p99` are percentiles.
        spread: interquartile range as a share of the median.
        drift: difference of the medians of the two halves, as a share of the smaller one.
        per_second: items per second, from the median.
        device_p50: median of the time between the device's own marks, in seconds.
        audio_seconds: total length of the clips of one iteration.
        real_time_factor: seconds of audio processed per second.
        flops: floating-point operations of one iteration, by stage.
        bytes_read: bytes of the searched collection that one iteration reads.
        limit_seconds: what these operations and bytes would take at the device's ceilings.
        share_of_limit: `limit_seconds` as a share of the median.
        stages: seconds of one iteration by stage, from a pass of its own without overlap.
        split_seconds: one iteration of that pass; what exceeds the sum of the stages belongs to none of them.
        cores_busy: mean number of cores that this process kept busy.
        watts: mean power of the accelerator.
        items_per_joule: items per joule of that power.
        reasons: why this case may not be compared with others; empty where it may.
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
    flops: dict[str, NonNegativeFloat] = Field(default={})
    bytes_read: NonNegativeInt = 0
    limit_seconds: PositiveFloat | None = None
    share_of_limit: PositiveFloat | None = None
    stages: dict[str, NonNegativeFloat] = Field(default={})
    split_seconds: NonNegativeFloat = 0
    cores_busy: NonNegativeFloat
    watts: PositiveFloat | None = None
    items_per_joule: PositiveFloat | None = None
    reasons: tuple[str, ...] = ()

    @property
    def missing_seconds(self) -> float:
        """Seconds of `split_seconds` that no stage accounts for."""
        return self.split_seconds - sum(self.stages.values())


class WorkloadRecord(Part):
    """A workload: its cases, and the memory of the largest; `left_out` says what could not be measured, and why."""

    name: str
    about: str
    cases: tuple[CaseRecord, ...]
    memory: Memory | None = None
    meters: Meters | None = None
    left_out: tuple[str, ...] = ()


class Quality(Part):
    """What reduced precision or compiling changes: the primary measure beside that of plain fp32 (`reference`).

    The cosines are between the embeddings of the two, clip by clip and caption by caption.
    """

    protocol: str
    measure: str
    value: FiniteFloat
    reference: FiniteFloat
    least_cosine_audio: FiniteFloat
    mean_cosine_audio: FiniteFloat
    least_cosine_text: FiniteFloat
    mean_cosine_text: FiniteFloat


class Figures(Part):
    """What a board shows; `None` where it was not measured.

    Clips per second are those of workload `index` on real clips, the 95th percentile is that of single queries of 1,045
    clips, and `overhead` is what the harness adds to the bare encoder on clips in memory, as a share.
    """

    clips_per_second: NonNegativeFloat | None = None
    query_p95_seconds: NonNegativeFloat | None = None
    gflops_per_clip: NonNegativeFloat | None = None
    real_time_factor: NonNegativeFloat | None = None
    share_of_limit: NonNegativeFloat | None = None
    clips_per_joule: NonNegativeFloat | None = None
    overhead: FiniteFloat | None = None


class SpeedRecord(Record):
    """How fast one system is on one machine.

    `stages` are seconds per clip, of the workload that has most of them. `comparable` says whether the figures may be
    compared with others; where not, `reasons` says why.
    """

    MEANING: ClassVar[str] = "a speed measurement"
    COMMAND: ClassVar[str] = "lbar bench"

    kind: Literal["speed"] = "speed"
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
        require_reasons(self.comparable, self.reasons)
        return self

    @property
    def about(self) -> tuple[str, ...]:
        """System and kind: a speed is not of a protocol."""
        return self.system.name, self.kind
