"""The content of the board: one standing per protocol and data set, one entry per system, best first."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from harness.errors import UserError, unknown
from harness.measures import is_median
from harness.protocols import PROTOCOLS
from harness.runs import DatasetRecord, EvaluationRecord, ProtocolRecord
from leaderboard.runs import (
    Board,
    Published,
    Row,
    Speed,
    beside,
    labels,
    marked,
    note_on_marks,
    published,
    stage_of,
)


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a measure with its 95 % interval; a reported figure has no interval."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Entry:
    """A line of the board: a system measured here, or one reported by others.

    Attributes:
        label: the system's name, made unique within the standing, and marked where it uses more than sound.
        measures: values by name; a reported system may lack some.
        place: counted from 1 by the primary measure, equal for equal values; `None` for a reported system.
        group: letters; systems that share one do not differ significantly. Empty where that is not known.
        stage: its stage of the two-stage training, taken from its card.
        parameters: number of parameters, 0 where unknown.
        trained_on: names of data sets, or the words of the source.
        run: the run that was measured; `None` for a reported system.
        speed: its speed on the standing's hardware.
        reported: the published result; `None` for a measured system.
    """

    label: str
    measures: Mapping[str, Value]
    place: int | None
    group: str = ""
    stage: str = ""
    parameters: int = 0
    trained_on: str = ""
    run: Row | None = None
    speed: Speed | None = None
    reported: Published | None = None

    @property
    def uses(self) -> tuple[str, ...]:
        """The kinds of metadata that the system uses beside the sound of a clip."""
        return self.run.record.system.uses if self.run else self.reported.uses if self.reported else ()

    @property
    def clips_per_second(self) -> float | None:
        """Throughput on the standing's hardware."""
        return self.speed.record.figures.clips_per_second if self.speed else None

    @property
    def query_p95_seconds(self) -> float | None:
        """Latency on the standing's hardware."""
        return self.speed.record.figures.query_p95_seconds if self.speed else None

    @property
    def gflops_per_clip(self) -> float | None:
        """10^9 floating-point operations for one clip, `None` where not measured."""
        return self.speed.record.figures.gflops_per_clip if self.speed else None


@dataclass(frozen=True)
class Standing:
    """Systems that may be compared with each other.

    Attributes:
        protocol: the rules.
        dataset: the queries and clips.
        distinction: how its title differs from that of other standings of its protocol; empty if there is one only.
        measures: names, the primary one first.
        entries: best first, or as they were sorted.
        hardware: the machine on which the speeds were measured; empty where there are none.
        notes: a line for each thing that could not be found out, and on the mark that names may have.
    """

    protocol: ProtocolRecord
    dataset: DatasetRecord
    distinction: str
    measures: tuple[str, ...]
    entries: tuple[Entry, ...]
    hardware: str = ""
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Protocol, direction and number of queries in a line."""
        count = "1 query" if self.dataset.queries == 1 else f"{self.dataset.queries:,} queries"
        return f"{self.protocol.name}, {self.protocol.direction}, {count}{self.distinction}"

    @property
    def rows(self) -> tuple[Row, ...]:
        """The runs among the entries, in their order."""
        return tuple(entry.run for entry in self.entries if entry.run)


def standings(board: Board, *, groups: bool = True, reported: bool = False) -> list[Standing]:
    """Sort the comparable runs into standings, in the order of `PROTOCOLS`.

    Args:
        board: the runs.
        groups: whether to test which systems differ significantly, from their answers to each query.
        reported: whether to add the results that others published for a protocol.
    """
    order = {name: index for index, name in enumerate(PROTOCOLS)}
    heard = Counter((row.record.dataset.digest, row.record.dataset.audio_digest) for row in board.rows)
    most_heard = {data: audio or "" for (data, audio), _ in sorted(heard.items(), key=_fewest_first)}

    def group_of(row: Row) -> tuple[int, str, str, str]:
        protocol, dataset = row.record.protocol, row.record.dataset
        audio = dataset.audio_digest or most_heard[dataset.digest]
        return order.get(protocol.name, len(order)), protocol.digest, dataset.digest, audio

    found = [tuple(members) for _, members in groupby(sorted(board.rows, key=group_of), group_of)]
    firsts = [_first(members) for members in found]
    return [
        _standing(members, board.speeds, _distinction(first, firsts), groups, reported)
        for first, members in zip(firsts, found, strict=True)
    ]


def _fewest_first(heard: tuple[tuple[str, str | None], int]) -> tuple[bool, int, str]:
    """The order of audio files: those that are not known first, then by how many runs they have."""
    (_, audio), count = heard
    return audio is not None, count, audio or ""


def _first(members: Sequence[Row]) -> EvaluationRecord:
    """The first record, of those whose audio files are known where there are any."""
    records = [row.record for row in members]
    return next((one for one in records if one.dataset.audio_digest), records[0])


def _standing(
    members: Sequence[Row], speeds: Iterable[Speed], distinction: str, groups: bool, reported: bool
) -> Standing:
    ranked = sorted(members, key=_best_first)
    first = _first(ranked)
    hardware, speed_of = beside([row.record for row in ranked], speeds)
    letters, notes = _groups(ranked) if groups and len(ranked) > 1 else ([""] * len(ranked), ())
    entries = _measured_entries(ranked, letters, speed_of)
    if reported:
        entries += [_reported(result) for result in published() if result.protocol == first.protocol.name]
    names = tuple(measure.name for measure in first.measures)
    notes += note_on_marks(entry.label for entry in entries)
    elsewhere = [entry.label for entry in entries if entry.run and entry.run.record.dataset.audio_digest is None]
    if elsewhere:
        notes += (f"Made elsewhere, from audio files that are not known: {', '.join(elsewhere)}.",)
    standing = Standing(first.protocol, first.dataset, distinction, names, tuple(entries), hardware, notes)
    return sort(standing, first.protocol.primary)


def _best_first(row: Row) -> tuple[float, str, str]:
    record = row.record
    return -record.primary.value, record.system.name, record.system.digest or record.id


def _measured_entries(ranked: Sequence[Row], letters: Sequence[str], speed_of: Mapping[str, Speed]) -> list[Entry]:
    records = [row.record for row in ranked]
    values = [record.primary.value for record in records]
    return [
        Entry(
            label=label,
            measures={one.name: Value(one.value, one.low, one.high) for one in row.record.measures},
            place=1 + values.index(row.record.primary.value),
            group=group,
            stage=stage_of(row.record),
            parameters=row.record.system.parameters,
            trained_on=", ".join(row.record.system.trained_on),
            run=row,
            speed=speed_of.get(row.record.id),
        )
        for row, label, group in zip(ranked, labels(records), letters, strict=True)
    ]


def _groups(ranked: Sequence[Row]) -> tuple[list[str], tuple[str, ...]]:
    """The letters of each system, empty where its answers cannot be read, and a line for each of these."""
    from leaderboard.comparison import groups_by_primary
    from leaderboard.runs import read_answers

    primary = ranked[0].record.protocol.primary
    readable, notes = [], []
    for row in ranked:
        if (row.folder / "per_query.parquet").is_file():
            readable.append(row)
        else:
            notes.append(
                f"{row.folder} has no per_query.parquet, so {row.record.system.name} cannot be compared with the others"
            )
    if len(readable) < 2:
        return [""] * len(ranked), ()
    try:
        found = groups_by_primary(read_answers(readable, [primary]), primary)
    except UserError as error:
        return [""] * len(ranked), (f"no groups: {error}",)
    by_row = {row.record.id: group for row, group in zip(readable, found, strict=True)}
    return [by_row.get(row.record.id, "") for row in ranked], tuple(notes)


def _reported(result: Published) -> Entry:
    return Entry(
        label=marked(result.system, result.uses),
        measures={name: Value(figure.value) for name, figure in result.measures.items()},
        place=None,
        parameters=result.parameters,
        trained_on=result.trained_on,
        reported=result,
    )


def _distinction(first: EvaluationRecord, firsts: Sequence[EvaluationRecord]) -> str:
    """How the title differs from other standings of the protocol: by the captions, or by audio under equal captions."""
    alike = [one.dataset for one in firsts if one.protocol.name == first.protocol.name]
    if len(alike) == 1:
        return ""
    if sum(dataset.digest == first.dataset.digest for dataset in alike) == 1:
        return f", data {first.dataset.digest[:8]}"
    return f", audio {(first.dataset.audio_digest or 'unknown')[:8]}"


def sort(standing: Standing, column: str) -> Standing:
    """The same standing, sorted by a column; entries without a value come last.

    Args:
        standing: the standing.
        column: a measure, `system`, `parameters`, `clips/s`, `query p95` or `date`.

    Raises:
        UserError: there is no such column.
    """
    keys = _columns(standing)
    if column not in keys:
        raise unknown("column", column, keys)
    primary = keys[standing.protocol.primary]

    def key(entry: Entry) -> tuple[tuple[bool, float | str], tuple[bool, float | str], bool, str]:
        return _last(keys[column](entry)), _last(primary(entry)), entry.run is None, entry.label

    return replace(standing, entries=tuple(sorted(standing.entries, key=key)))


def sort_all(standings: Sequence[Standing], column: str) -> list[Standing]:
    """Sort each standing by the column; those of protocols without this measure stay as they are.

    Raises:
        UserError: none has such a column.
    """
    if standings and not any(column in _columns(standing) for standing in standings):
        return [sort(standing, column) for standing in standings]
    return [sort(standing, column) if column in _columns(standing) else standing for standing in standings]


def _columns(standing: Standing) -> dict[str, Callable[[Entry], float | str | None]]:
    """The key by which each column is sorted, in ascending order."""
    return {
        **{name: _best_by(name) for name in standing.measures},
        "system": lambda entry: entry.label.casefold(),
        "parameters": lambda entry: entry.parameters or None,
        "clips/s": lambda entry: -(entry.clips_per_second or 0) or None,
        "query p95": lambda entry: entry.query_p95_seconds,
        "date": lambda entry: -entry.run.record.created.timestamp() if entry.run else None,
    }


def _best_by(name: str) -> Callable[[Entry], float | None]:
    """The best first: large values, but small ones of a median rank."""
    sign = 1 if is_median(name) else -1
    return lambda entry: sign * entry.measures[name].value if name in entry.measures else None


def _last(value: float | str | None) -> tuple[bool, float | str]:
    """A key that sorts `None` after every value."""
    return value is None, 0.0 if value is None else value


def measured(standing: Standing) -> Standing:
    """The same standing without the systems that others reported."""
    return replace(standing, entries=tuple(entry for entry in standing.entries if entry.run))


def matching(standing: Standing, texts: Sequence[str]) -> Standing:
    """The same standing with only the entries whose name, stage, training data or precision contain all texts."""

    def words(entry: Entry) -> str:
        precision = entry.run.record.settings.precision if entry.run else "reported"
        return " ".join((entry.label, entry.stage, entry.trained_on, precision)).casefold()

    wanted = [text.casefold() for text in texts]
    kept = tuple(entry for entry in standing.entries if all(text in words(entry) for text in wanted))
    return replace(standing, entries=kept)
