"""What records of every kind have in common: frozen, typed, readable as JSON by every later version."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import uuid4

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from harness.errors import UserError
from harness.machine import parse_json, read_bounded, require_undamaged

UtcTime = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
Migration = Callable[[dict[str, Any]], dict[str, Any]]


class Part(BaseModel):
    """Any part of a record. Built from keywords, or by `model_validate` from an object with the same attributes."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class SystemRecord(Part):
    """The system's own `info` (see `harness.interface.system.SystemInfo`), and the digest of its code."""

    name: str
    sample_rate: int
    parameters: int
    trained_on: tuple[str, ...]
    licence: str
    source: str
    digest: str | None
    code: str | None
    card: dict[str, JsonValue] | None = None
    uses: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _as_before_where_empty(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return left_out_where_empty(fields(self), "uses")


def left_out_where_empty(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """The fields without those of these that are empty: versions of lbar that do not know them can read the record."""
    return {field: value for field, value in fields.items() if field not in names or value}


class Record(Part):
    """What a record begins with; the subclass of each kind sets `kind` and the class variables."""

    VERSION: ClassVar[int] = 1
    """Raised by every change that an older reader would misread; the change adds its step to `MIGRATIONS`."""
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = {}
    """By version: how to turn a record of that version into one of the next."""
    FILE: ClassVar[str] = "record.json"
    """Name of its file in a run folder."""
    MEANING: ClassVar[str]
    """What it is the record of, for messages: "an evaluation"."""
    COMMAND: ClassVar[str]
    """The command that writes it, for messages."""

    schema_version: Literal[1] = 1
    kind: str
    id: str = Field(default_factory=lambda: uuid4().hex, pattern="^[0-9a-f]{32}$")
    created: UtcTime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def about(self) -> tuple[str, ...]:
        """The parts of its run folder's name after the time: the system, and what was done with it."""
        raise NotImplementedError

    def to_json(self) -> str:
        """The record as indented JSON; `from_json` gives back an equal record."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "record") -> Self:
        """Read a record of this or any older schema version.

        Args:
            text: the JSON document.
            source: where it was found, for the error message.

        Raises:
            UserError: it is not JSON, is a record of another kind, is damaged, or was written by a newer version.
        """
        try:
            fields = parse_json(text)
        except ValueError as error:
            raise UserError(
                f"{source} is not JSON ({error}); restore it from a copy, or delete its folder and run "
                f"`{cls.COMMAND}` again"
            ) from error
        kind = cls.model_fields["kind"].default
        if not isinstance(fields, dict) or fields.get("kind") != kind:
            raise UserError(f'{source} is not the record of {cls.MEANING}: its field `kind` is not "{kind}"')
        version = fields.get("schema_version")
        if not isinstance(version, int) or version < 1:
            raise UserError(f"{source} has schema_version {version!r}; expected a number from 1 to {cls.VERSION}")
        if version > cls.VERSION:
            raise UserError(
                f"{source} has schema version {version}, this lbar reads up to {cls.VERSION}; update lbar to read it"
            )
        for step in range(version, cls.VERSION):
            fields = cls.MIGRATIONS[step](fields)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, e['loc'])) or 'record':.80}: {e['msg']:.200}" for e in error.errors()]
            more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise UserError(f"{source} is damaged: {'; '.join(problems[:5])}{more}", problems) from error

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the record of a run folder.

        Raises:
            UserError: there is none, it was damaged since it was written, or `from_json` refuses it.
        """
        path = folder / cls.FILE
        require_undamaged(path, f"delete its folder and run `{cls.COMMAND}` again")
        try:
            text = read_bounded(path).decode()
        except (OSError, UnicodeDecodeError) as error:
            found = f"cannot read {path}: {getattr(error, 'strerror', None) or error}"
            if not path.exists():
                found = f"{folder} has no {cls.FILE}" if folder.is_dir() else f"{folder} is not a folder"
            raise UserError(f"{found}; expected a run folder as `{cls.COMMAND}` writes it") from error
        return cls.from_json(text, str(path))


def require_reasons(comparable: bool, reasons: tuple[str, ...]) -> None:
    """Refuse a record that is comparable although there are reasons against it, or is not and gives none."""
    if comparable == bool(reasons):
        raise ValueError("a comparable record has no reasons against it, any other has at least one")
