"""What is kept of an evaluation and of a prediction."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from harness.machine import Environment, PlainName
from harness.measures import BelowChance, MeasureRecord
from harness.protocols import Direction
from harness.runs.any_record import Part, Record, SystemRecord, left_out_where_empty, require_reasons

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ProtocolRecord(Part):
    """The rules that were followed; see `harness.protocols.named.Protocol`.

    `rules` are what its YAML file said; `None` for a protocol that is known by its name.
    """

    name: PlainName
    digest: str
    primary: str
    direction: Direction
    rules: dict[str, Any] | None = None

    @model_serializer(mode="wrap")
    def _as_before_where_known(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return left_out_where_empty(fields(self), "rules")


class MetadataRecord(Part):
    """What the system used beside the sound of the clips: of which kind, and how many clips have nothing of it."""

    kind: str
    digest: PlainName
    without: NonNegativeInt


class DatasetRecord(Part):
    """The data the system was evaluated on; `clips` and `queries` count what was really used.

    `digest` is over names, captions and relevance, `audio_digest` over the audio files. `metadata` has an entry for
    each kind that the system used.
    """

    name: PlainName
    split: PlainName
    digest: PlainName
    audio_digest: PlainName | None
    clips: NonNegativeInt
    queries: NonNegativeInt
    metadata: tuple[MetadataRecord, ...] = ()

    @model_serializer(mode="wrap")
    def _as_before_where_empty(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return left_out_where_empty(fields(self), "metadata")


class SkippedClip(Part):
    """A clip that was left out, and why."""

    clip: str
    reason: str


class RemarkedClip(Part):
    """A clip whose sound is odd, and the rest of a sentence that says how; it was used all the same."""

    clip: str
    remark: str


class Settings(Part):
    """How the evaluation was run; `batch_size` is `None` where it was found while running."""

    device: str
    precision: str
    batch_size: int | None
    seed: int
    resamples: NonNegativeInt


class Seconds(Part):
    """Wall time by stage. Embeddings taken from the cache cost almost none of it, so these are not speeds."""

    embed_audio: NonNegativeFloat
    embed_text: NonNegativeFloat
    score: NonNegativeFloat
    total: NonNegativeFloat


class WorkersRecord(Part):
    """A machine with workers of a Dask cluster, which embedded in place of the command's own process.

    `accelerator` is the name of its GPU and `torch_threads` the number of threads that torch computed with, `None`
    where there was none. Equal hardware gives equal numbers, whoever computes them; unequal hardware differs in their
    last digits.
    """

    host: str
    workers: NonNegativeInt
    cpu: str
    logical_cores: int
    accelerator: str | None
    torch_threads: int | None


_SINCE = ("remarked", "below_chance", "workers")
"""Fields that the first records did not have."""


class _ClipsRecord(Record):
    """The record of something done with clips: those whose sound is odd, and the workers that helped."""

    remarked: tuple[RemarkedClip, ...] = ()
    workers: tuple[WorkersRecord, ...] = ()

    @model_serializer(mode="wrap")
    def _as_before_where_empty(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return left_out_where_empty(fields(self), *_SINCE)


class EvaluationRecord(_ClipsRecord):
    """One system under one protocol, once.

    `comparable` says whether the figures may be compared with others; where not, `reasons` says why. `tied_fraction` is
    the share of queries whose rank depends on how ties are counted; `below_chance` the first measure beside that of a
    random order, where it is significantly worse.
    """

    MEANING: ClassVar[str] = "an evaluation"
    COMMAND: ClassVar[str] = "lbar eval"

    kind: Literal["evaluation"] = "evaluation"
    protocol: ProtocolRecord
    system: SystemRecord
    dataset: DatasetRecord
    measures: tuple[MeasureRecord, ...]
    tied_fraction: Fraction
    below_chance: BelowChance | None = None
    skipped: tuple[SkippedClip, ...] = ()
    comparable: bool = True
    reasons: tuple[str, ...] = ()
    environment: Environment
    settings: Settings
    seconds: Seconds
    command: str

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        require_reasons(self.comparable, self.reasons)
        names = [measure.name for measure in self.measures]
        if self.protocol.primary not in names:
            raise ValueError(f"the primary measure {self.protocol.primary} is not among the measures")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is there more than once")
        return self

    @property
    def primary(self) -> MeasureRecord:
        """The measure systems are ordered by."""
        return next(measure for measure in self.measures if measure.name == self.protocol.primary)

    @property
    def about(self) -> tuple[str, ...]:
        """System and protocol."""
        return self.system.name, self.protocol.name


class PredictionRecord(_ClipsRecord):
    """One system on queries and clips whose relevance is hidden.

    `queries` are the captions and `clips` the names of the ranked clips, verbatim and in the order of the scores.
    """

    FILE: ClassVar[str] = "prediction.json"
    MEANING: ClassVar[str] = "a prediction"
    COMMAND: ClassVar[str] = "lbar eval --audio --queries"

    kind: Literal["prediction"] = "prediction"
    system: SystemRecord
    dataset: DatasetRecord
    queries: tuple[str, ...]
    clips: tuple[str, ...]
    environment: Environment
    settings: Settings
    seconds: Seconds
    command: str

    @property
    def about(self) -> tuple[str, ...]:
        """System and split: no protocol was followed."""
        return self.system.name, self.dataset.split
