"""Whether a result is what it says: its record follows from its queries, and these are the protocol's."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError, meant
from harness.machine import require_undamaged
from harness.measures import (
    Measure,
    Ranks,
    bootstrap_medians,
    intervals,
    parse_measure,
)
from harness.protocols import recorded_protocol
from harness.runs import EvaluationRecord, read_record
from leaderboard.results.known_data import KnownData, known_data, names_digest
from leaderboard.results.result import FILES, MOST_BYTES, RECORD, name_of, read_result
from leaderboard.results.table import columns_of, named
from leaderboard.runs import ABOUT, PER_QUERY, read_per_query, reason_against

if TYPE_CHECKING:
    import pyarrow as pa

_ROUNDING = 1e-9
_MEND = "add it again with `lbar results add`"

Numbers = NDArray[np.float64]


def verify(folder: Path) -> list[str]:
    """What is wrong with a result, one line each; none where it is sound.

    Args:
        folder: of the result.
    """
    problems = list(_files(folder))
    try:
        read_result(folder)
    except UserError as error:
        problems += [f"{ABOUT}: {problem}" for problem in error.problems] or [str(error)]
    try:
        for name in (RECORD, PER_QUERY):
            require_undamaged(folder / name, _MEND)
        record = read_record(folder)
        problems += _record(folder, record)
        table = read_per_query(folder, record, columns_of(record))
        problems += _queries(record, table)
    except UserError as error:
        problems.append(str(error))
    return problems


def verify_all(results: Path, names: Sequence[str] = ()) -> dict[str, list[str]]:
    """What is wrong with results, by name.

    Args:
        results: the folder of results.
        names: of folders in it, or paths of folders; none means all.

    Raises:
        UserError: one of these is not there, or there is none at all.
    """
    folders = [results / name if (results / name).is_dir() else Path(name) for name in names]
    if not names:
        folders = sorted(path for path in results.glob("*") if path.is_dir() and not path.name.startswith("."))
    for folder in folders:
        if not folder.is_dir():
            raise UserError(
                f"there is no result {folder}; {meant(folder.name, [one.name for one in results.glob('*')])}"
            )
    if not folders:
        raise UserError(f"there are no results in {results}")
    found = {folder.name: verify(folder) for folder in folders}
    first_of: dict[str, str] = {}
    for folder in folders:
        twin = first_of.setdefault(_id_of(folder), folder.name)
        if twin != folder.name:
            found[folder.name].append(f"is the same run as {twin}; take one out")
    return found


def _id_of(folder: Path) -> str:
    try:
        return read_record(folder).id
    except UserError:
        return folder.name


def _files(folder: Path) -> Iterator[str]:
    found = {path.name for path in folder.iterdir()}
    if missing := [name for name in FILES if name not in found]:
        yield f"lacks {', '.join(missing)}; {_MEND}"
    if others := sorted(found - {*FILES}):
        yield f"holds {', '.join(others[:5])}, which is no file of a result; take it out"
    size = sum(path.lstat().st_size for path in folder.iterdir())
    if size > MOST_BYTES:
        yield f"is of {size:,} bytes; expected at most {MOST_BYTES:,}"


def _record(folder: Path, record: EvaluationRecord) -> Iterator[str]:
    """What is wrong with a record, looked at alone."""
    if reason := reason_against(record):
        yield f"may not be compared: {reason}"
    if folder.name != name_of(record):
        yield f"is of {name_of(record)}, by its record; name the folder so"
    rules = recorded_protocol(record.protocol.name, record.protocol.rules)
    if rules is None:
        return
    if (record.protocol.primary, record.protocol.direction) != (rules.primary, rules.direction):
        yield f"primary measure or direction are not those of {rules.name}: {rules.primary}, {rules.direction}"
    names = tuple(measure.name for measure in record.measures)
    if names != rules.measures:
        yield f"has the measures {', '.join(names)}; those of {rules.name} are {', '.join(rules.measures)}"
    data = record.dataset
    if (data.name, data.split) != (rules.dataset, rules.split):
        yield f"is on {data.name} {data.split}; {rules.name} is on {rules.dataset} {rules.split}"
    known = known_data().get(rules.name)
    if known and (data.digest, data.queries, data.clips) != (known.digest, known.queries, known.clips):
        yield (
            f"has {data.queries:,} queries and {data.clips:,} clips under the digest {data.digest[:8]}; those of "
            f"{rules.name} are {known.queries:,} and {known.clips:,} under {known.digest[:8]}"
        )


def _queries(record: EvaluationRecord, table: "pa.Table") -> Iterator[str]:
    """What is wrong with the queries, and what in the record does not follow from them."""
    known = known_data().get(record.protocol.name)
    if table.num_rows != record.dataset.queries:
        yield f"{PER_QUERY} has {table.num_rows:,} queries, where the record says {record.dataset.queries:,}"
        return
    names = named(table)
    if known and names_digest(names["text"], names["clip"]) != known.names:
        yield f"{PER_QUERY}: its queries, or their order, are not those of {record.protocol.name}"
    pessimistic, optimistic = (table[f"rank_{bound}"].to_numpy() for bound in ("pessimistic", "optimistic"))
    if optimistic.min() < 1 or (optimistic > pessimistic).any():
        yield f"{PER_QUERY}: ranks begin at 1, and the optimistic one is not behind the pessimistic one"
        return
    measures = [parse_measure(measure.name) for measure in record.measures]
    values = np.stack([table[str(measure)].to_numpy() for measure in measures], axis=1)
    yield from _values(measures, values, pessimistic, known)
    yield from _summary(record, measures, values, names["clip"])
    yield from _bounds(record, measures, pessimistic, optimistic, known)


def _one_each(rank: NDArray[Any]) -> Ranks:
    """The ranks as if no query had another relevant item than that of its first rank."""
    return Ranks(np.arange(len(rank) + 1), rank, rank)


def _values(measures: Sequence[Measure], values: Numbers, rank: NDArray[Any], known: KnownData | None) -> Iterator[str]:
    """Measures of queries that do not follow from the rank of their first relevant item."""
    for measure, found in zip(measures, values.T, strict=True):
        alone = measure(_one_each(rank))
        if measure.kind in ("Hit", "MRR", "MedR") or (known and known.has_one_each):
            wrong = np.abs(found - alone) > _ROUNDING
        elif measure.kind in ("mAP", "R"):
            wrong = ((found > 0) != (alone > 0)) | (found > 1) | (found < 0)
        else:
            wrong = (found < 0) | (found > 1)
        if wrong.any():
            query = int(np.flatnonzero(wrong)[0])
            yield (
                f"{PER_QUERY}: {measure} of {int(wrong.sum()):,} queries does not follow from their ranks, such as "
                f"{found[query]:.4f} of query {query} with rank {rank[query]}"
            )


def _summary(
    record: EvaluationRecord, measures: Sequence[Measure], values: Numbers, clips: Sequence[str]
) -> Iterator[str]:
    """Intervals in the record that are not those of the queries; that the means are was seen when it was read."""
    clusters = np.unique(np.array(clips, np.str_), return_inverse=True)[1]
    how = record.settings.resamples, record.settings.seed
    bounds = intervals(values, clusters, *how)
    for column, measure in enumerate(measures):
        if measure.about.median:
            bounds[column] = intervals(values[:, [column]], clusters, *how, bootstrap=bootstrap_medians)[0]
    for said, (low, high) in zip(record.measures, bounds.tolist(), strict=True):
        if abs(low - said.low) > _ROUNDING or abs(high - said.high) > _ROUNDING:
            yield (
                f"{said.name}: the interval is {low:.4f} to {high:.4f} by its queries, where the record says "
                f"{said.low:.4f} to {said.high:.4f}"
            )


def _bounds(
    record: EvaluationRecord,
    measures: Sequence[Measure],
    pessimistic: NDArray[Any],
    optimistic: NDArray[Any],
    known: KnownData | None,
) -> Iterator[str]:
    """What the record says of ties, as far as the ranks tell."""
    tied = float((pessimistic != optimistic).mean())
    exact = bool(known and known.has_one_each)
    if record.tied_fraction < tied - _ROUNDING or (exact and abs(record.tied_fraction - tied) > _ROUNDING):
        yield f"{tied:.4f} of its queries tie, where the record says {record.tied_fraction:.4f}"
    for said, measure in zip(record.measures, measures, strict=True):
        if exact and abs(float(measure.of_all(measure(_one_each(optimistic)))) - said.optimistic) > _ROUNDING:
            yield f"{said.name}: with ties in its favour it is another than the {said.optimistic:.4f} of the record"
