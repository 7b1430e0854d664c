"""Adding a run to the results."""

import shutil
from pathlib import Path, PurePath

import yaml
from pydantic import ValidationError

from harness.errors import UserError, listing
from harness.machine import misfits, write_checksums
from harness.runs import EvaluationRecord, read_record
from leaderboard.results.result import RECORD, RESULTS, Result, name_of, read_result
from leaderboard.results.table import write_table
from leaderboard.results.verifying import verify
from leaderboard.runs import ABOUT, PER_QUERY

_INCOMPLETE = ".incomplete-"


def add(
    run: Path, *, by: str, leaks: str = "", about: str = "", source: str = "", results: Path = RESULTS
) -> tuple[Path, bool]:
    """Add a run to the results, in small, and check it.

    A result of the same system under the same protocol is replaced where the same group handed it in; what is not said
    anew is then said as before.

    Args:
        run: the run folder.
        by: who hands it in.
        leaks: what is known of evaluation clips or captions in its training data.
        about: what the system is; by default what its card says.
        source: where it comes from; by default what its record says.
        results: the folder of results.

    Returns:
        The result's folder, and whether it replaced another.

    Raises:
        UserError: the run cannot be read, is not comparable, or its record does not follow from its queries; the result
            lacks something; or another group has one of this name.
    """
    record = _without_places(read_record(run))
    folder = results / name_of(record)
    before = read_result(folder) if folder.is_dir() else None
    if before and before.by != by:
        raise UserError(f"{folder} is there already, by {before.by!r}; give your system another name")
    known = {"about": str((record.system.card or {}).get("about", "")), "source": record.system.source, "leaks": ""}
    said = {"by": by, "about": about, "source": source, "leaks": leaks}
    try:
        result = Result.model_validate(
            {field: text or (getattr(before, field) if before else known[field]) for field, text in said.items()}
        )
    except ValidationError as error:
        raise listing(f"{run}: a result has to say more (--by, --about, --source, --leaks)", misfits(error)) from None
    unfinished = results / f"{_INCOMPLETE}{record.id}" / folder.name
    try:
        unfinished.mkdir(parents=True)
        write_table(run, record, unfinished)
        (unfinished / RECORD).write_text(record.to_json(), encoding="utf-8")
        text = yaml.safe_dump(result.model_dump(), sort_keys=False, allow_unicode=True)
        (unfinished / ABOUT).write_text(text, encoding="utf-8")
        write_checksums(unfinished, [RECORD, PER_QUERY])
        if problems := verify(unfinished):
            raise listing(f"{run} cannot be a result", problems)
        if before:
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except OSError as error:
        raise UserError(f"cannot write into {results}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished.parent, ignore_errors=True)
    return folder, before is not None


def _without_places(record: EvaluationRecord) -> EvaluationRecord:
    """The record without the folder in which the program lay."""
    program, blank, rest = record.command.partition(" ")
    return record.model_copy(update={"command": f"{PurePath(program).name}{blank}{rest}"})
