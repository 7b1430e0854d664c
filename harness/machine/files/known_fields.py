"""Refusing a field that nobody knows, with the fields there are and the one that was most likely meant."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from harness.errors import meant

_UNKNOWN = "unknown field"


class KnownFields(BaseModel):
    """A file that people write, or a section of one: it has these fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _names_known_fields(cls, given: object, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(given)
        except ValidationError as error:
            raise ValidationError.from_exception_data(cls.__name__, list(map(cls._told, error.errors()))) from None

    @classmethod
    def _told(cls, problem: ErrorDetails) -> InitErrorDetails:
        """The same problem; where it is an unknown field of this model itself, the fields there are come with it."""
        said = problem["msg"]
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            said = f"{_UNKNOWN}; {meant(str(problem['loc'][0]), cls.model_fields)}"
        told = PydanticCustomError("misfit", "{said}", {"said": said})
        return InitErrorDetails(type=told, loc=problem["loc"], input=problem["input"])


def misfits(error: ValidationError) -> list[str]:
    """A line on each field that does not fit: which, what is expected, and what was found."""
    return [_misfit(problem) for problem in error.errors()]


def _misfit(problem: ErrorDetails) -> str:
    # In YAML a tuple is a list; the input of a missing field, or of a check of several, is all that stands around it.
    expected = problem["msg"].removeprefix("Value error, ").replace("tuple", "list").replace("Tuple", "List")
    told = isinstance(problem["input"], Mapping) or expected.startswith(_UNKNOWN)
    found = "" if told else f", found {problem['input']!r:.80}"
    where = ".".join(map(str, problem["loc"]))
    return f"{where}: {expected}{found}" if where else expected
