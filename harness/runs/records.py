"""What is kept of an evaluation: frozen, typed, readable as JSON by every later version."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
    model_validator,
)

from harness.errors import UserError
from harness.machine import Environment
from harness.measures import MeasureRecord
from harness.protocols import Direction

SCHEMA_VERSION = 1
"""Raised by every change an older reader would misread; the change adds its step to `_MIGRATIONS`."""

_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""By version: how to turn a record of that version into one of the next."""

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
UtcTime = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Frozen(BaseModel):
    """Any part of a record. Built from keywords, or by `model_validate` from an object with the same attributes."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class ProtocolRecord(_Frozen):
    """The rules that were followed; see `harness.protocols.named.Protocol`."""

    name: str
    digest: str
    primary: str
    direction: Direction


class SystemRecord(_Frozen):
    """What the system said of itself (see `harness.interface.system.SystemInfo`), and the digest of its code."""

    name: str
    sample_rate: int
    parameters: int
    trained_on: tuple[str, ...]
    licence: str
    source: str
    digest: str | None
    code: str | None
    card: dict[str, JsonValue] | None = None


class DatasetRecord(_Frozen):
    """What it was asked on: `clips` and `queries` are counts of what was really used.

    `digest` is over names, captions and relevance, `audio_digest` over the audio files.
    """

    name: str
    split: str
    digest: str
    audio_digest: str | None
    clips: NonNegativeInt
    queries: NonNegativeInt


class SkippedClip(_Frozen):
    """A clip that was left out, and why."""

    clip: str
    reason: str


class Settings(_Frozen):
    """How the evaluation was run; `batch_size` is `None` where it was found while running."""

    device: str
    precision: str
    batch_size: int | None
    seed: int
    resamples: NonNegativeInt


class Seconds(_Frozen):
    """Wall time by stage. What was kept from before took none of it, so these are not speeds."""

    embed_audio: NonNegativeFloat
    embed_text: NonNegativeFloat
    score: NonNegativeFloat
    total: NonNegativeFloat


class EvaluationRecord(_Frozen):
    """One system under one protocol, once.

    `comparable` says whether the figures may stand beside others; where not, `reasons` says why. `tied_fraction` is the
    share of queries whose rank depends on how ties are counted.
    """

    schema_version: Literal[1] = 1
    kind: Literal["evaluation"] = "evaluation"
    id: str = Field(default_factory=lambda: uuid4().hex, pattern="^[0-9a-f]{32}$")
    created: UtcTime = Field(default_factory=lambda: datetime.now(UTC))
    protocol: ProtocolRecord
    system: SystemRecord
    dataset: DatasetRecord
    measures: tuple[MeasureRecord, ...]
    tied_fraction: Fraction
    skipped: tuple[SkippedClip, ...] = ()
    comparable: bool = True
    reasons: tuple[str, ...] = ()
    environment: Environment
    settings: Settings
    seconds: Seconds
    command: str

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.comparable == bool(self.reasons):
            raise ValueError("a comparable record has no reasons against it, any other has at least one")
        if self.protocol.primary not in {measure.name for measure in self.measures}:
            raise ValueError(f"the primary measure {self.protocol.primary} is not among the measures")
        return self

    @property
    def primary(self) -> MeasureRecord:
        """The measure systems are ordered by."""
        return next(measure for measure in self.measures if measure.name == self.protocol.primary)

    def to_json(self) -> str:
        """The record as indented JSON; `load_record` gives back an equal record."""
        return self.model_dump_json(indent=2) + "\n"


class PredictionRecord(_Frozen):
    """One system on queries and clips of which nobody told which belong together.

    `queries` and `clips` are what was asked and ranked, verbatim, in order; the folder's scores are of that shape.
    """

    schema_version: Literal[1] = 1
    kind: Literal["prediction"] = "prediction"
    id: str = Field(default_factory=lambda: uuid4().hex, pattern="^[0-9a-f]{32}$")
    created: UtcTime = Field(default_factory=lambda: datetime.now(UTC))
    system: SystemRecord
    dataset: DatasetRecord
    queries: tuple[str, ...]
    clips: tuple[str, ...]
    environment: Environment
    settings: Settings
    seconds: Seconds
    command: str


def load_record(text: str, source: str = "record") -> EvaluationRecord:
    """Read a record of this or any older schema version.

    Args:
        text: the JSON document.
        source: where it was found, for the error message.

    Raises:
        UserError: it is no JSON, no evaluation record, damaged, or was written by a newer version.
    """
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise UserError(f"{source} is not JSON ({error}); restore it from a copy or delete its run folder") from error
    if not isinstance(fields, dict) or fields.get("kind") != "evaluation":
        raise UserError(f'{source} is not the record of an evaluation: its field `kind` is not "evaluation"')
    version = fields.get("schema_version")
    if not isinstance(version, int) or version < 1:
        raise UserError(f"{source} has schema_version {version!r}; expected a number from 1 to {SCHEMA_VERSION}")
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{source} has schema version {version}, this lbar reads up to {SCHEMA_VERSION}; update lbar to read it"
        )
    for step in range(version, SCHEMA_VERSION):
        fields = _MIGRATIONS[step](fields)
    try:
        return EvaluationRecord.model_validate(fields)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors()]
        raise UserError(f"{source} is damaged: {'; '.join(problems)}", problems) from error
