"""What a result says of itself beside its record, and the files it consists of."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from harness.errors import UserError, listing
from harness.machine import CHECKSUMS, KnownFields, misfits, read_yaml
from harness.runs import EvaluationRecord
from leaderboard.runs import ABOUT, PER_QUERY

RESULTS = Path(__file__).with_name("runs")
"""The folder of results that comes with lbar."""

RECORD = EvaluationRecord.FILE
FILES = (ABOUT, RECORD, PER_QUERY, CHECKSUMS)
"""The files of a result, and no others."""

MOST_BYTES = 300_000
"""Bytes of a result with all its files."""

_Said = Annotated[str, Field(min_length=1, max_length=1000)]


class Result(KnownFields):
    """What is said of a result.

    Attributes:
        by: who hands it in.
        about: what the system is, in a line.
        source: where the system or its outputs come from: a paper, an address, a card.
        leaks: what is known of evaluation clips or captions in its training data: `none`, with what was done to find
            out; or which.
        licence: of the result, so that anybody may use it.
    """

    by: _Said
    about: _Said
    source: _Said
    leaks: _Said
    licence: Literal["CC0-1.0"] = "CC0-1.0"


def read_result(folder: Path) -> Result:
    """What is said of a result.

    Raises:
        UserError: the file is missing, cannot be read, or a field is missing or wrong; all of them are listed.
    """
    path = folder / ABOUT
    try:
        return Result.model_validate(read_yaml(path))
    except ValidationError as error:
        raise listing(f"{path} does not fit", misfits(error)) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def name_of(record: EvaluationRecord) -> str:
    """Name of a result's folder.

    >>> from harness.runs import EvaluationRecord
    >>> from types import SimpleNamespace as Some
    >>> name_of(Some(about=("baseline 2022", "clotho-dcase2024")))
    'baseline_2022-clotho-dcase2024'
    """
    return "-".join("".join(one if one.isalnum() or one in "._+-" else "_" for one in part) for part in record.about)
