"""The board as tables: one per protocol and data set, best system first, and below them what may not stand there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.protocols import PROTOCOLS
from harness.records import EvaluationRecord, MeasureRecord
from leaderboard.runs import Board, Row

_WIDE_INTERVALS_FROM = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """All runs that may be compared with each other; `places` are ranks from 1, equal for equal primary values."""

    rows: tuple[Row, ...]
    places: tuple[int, ...]

    @property
    def first(self) -> EvaluationRecord:
        """The best record; protocol and data set are the same in all."""
        return self.rows[0].record


def standings(rows: Iterable[Row]) -> list[Standing]:
    """Sort runs into groups of one protocol and data set each, best first.

    The groups follow the order of `harness.protocols.PROTOCOLS`.
    """
    order = {name: index for index, name in enumerate(PROTOCOLS)}

    def group_of(row: Row) -> tuple[int, str, str, str]:
        protocol, dataset = row.record.protocol, row.record.dataset
        return order.get(protocol.name, len(order)), protocol.digest, dataset.digest, dataset.audio_digest or ""

    def place_of(row: Row) -> tuple[float, str, str]:
        record = row.record
        return -record.primary.value, record.system.name, record.system.digest or record.id

    result = []
    for _, members in groupby(sorted(rows, key=group_of), group_of):
        ranked = tuple(sorted(members, key=place_of))
        values = [row.record.primary.value for row in ranked]
        result.append(Standing(ranked, tuple(1 + values.index(value) for value in values)))
    return result


def render(board: Board, width: int) -> Group:
    """Everything `lbar board` shows, for a terminal of `width` characters."""
    groups = standings(board.rows)
    parts: list[RenderableType] = []
    for standing in groups:
        parts += [_table(standing, _told_apart(standing, groups), width), ""]
    if board.set_aside:
        parts += [Text("Not comparable", style="bold"), *_set_aside(board)]
    return Group(*parts)


def _told_apart(standing: Standing, groups: Sequence[Standing]) -> str:
    """What tells this table from others of its protocol: other captions, or other audio under the same captions."""
    first = standing.first
    alike = [group.first.dataset for group in groups if group.first.protocol.name == first.protocol.name]
    if len(alike) == 1:
        return ""
    if sum(dataset.digest == first.dataset.digest for dataset in alike) == 1:
        return f", data {first.dataset.digest[:8]}"
    return f", audio {(first.dataset.audio_digest or 'unknown')[:8]}"


def _table(standing: Standing, told_apart: str, width: int) -> Table:
    first = standing.first
    count = "1 query" if first.dataset.queries == 1 else f"{first.dataset.queries:,} queries"
    title = f"{first.protocol.name}, {first.protocol.direction}, {count}{told_apart}"
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", justify="right")
    table.add_column("system", overflow="fold")
    names = [measure.name for measure in first.measures]
    for name in names:
        table.add_column(name, no_wrap=True)
    table.add_column("date", no_wrap=True)
    wide = width >= _WIDE_INTERVALS_FROM and len(names) <= 4
    for place, row in zip(standing.places, standing.rows, strict=True):
        record = row.record
        by_name = {measure.name: measure for measure in record.measures}
        table.add_row(
            str(place),
            _two_lines(record.system.name, _about(record)),
            *(_measure(by_name[name], wide=wide) if name in by_name else "-" for name in names),
            _two_lines(f"{record.created:%Y-%m-%d}", f"{record.tied_fraction:.1%} tied"),
        )
    return table


def _set_aside(board: Board) -> Iterator[Text]:
    lines = [
        (f"{run.record.system.name}, {run.record.protocol.name}" if run.record else run.folder.name, run.reason)
        for run in board.set_aside
    ]
    for what, reason in sorted(lines):
        yield Text.assemble("  ", what, ": ", (reason, "dim"))


def _measure(measure: MeasureRecord, *, wide: bool) -> Text:
    r"""The value, and its interval below.

    >>> _measure(MeasureRecord(name="R@1", value=0.312, optimistic=0.312, low=0.29, high=0.334), wide=True).plain
    '0.312\n[0.290, 0.334]'
    """
    low, high = (f"{bound:.3f}" for bound in (measure.low, measure.high))
    interval = f"[{low}, {high}]" if wide else f"{low.removeprefix('0')}-{high.removeprefix('0')}"
    return _two_lines(f"{measure.value:.3f}", interval)


def _two_lines(first: str, second: str) -> Text:
    return Text.assemble(first, "\n", (second, "dim"))


def _about(record: EvaluationRecord) -> str:
    """Size, training data and an unusual precision in a line, as far as there is something to say."""
    size = _size(record.system.parameters) if record.system.parameters else ""
    precision = "" if record.settings.precision == "fp32" else record.settings.precision
    return "; ".join(part for part in (size, ", ".join(record.system.trained_on), precision) if part)


def _size(parameters: int) -> str:
    """A number of parameters for people.

    >>> _size(900_000), _size(86_100_000), _size(1_300_000_000), _size(512)
    ('0.9 M', '86.1 M', '1.3 G', '512')
    """
    if parameters >= 10**9:
        return f"{parameters / 10**9:.1f} G"
    if parameters >= 10**5:
        return f"{parameters / 10**6:.1f} M"
    return str(parameters)


def to_json(board: Board) -> dict[str, Sequence[object]]:
    """The same content as plain values."""
    return {
        "standings": [
            {
                "protocol": standing.first.protocol.model_dump(mode="json"),
                "dataset": standing.first.dataset.model_dump(mode="json"),
                "systems": [
                    {
                        "place": place,
                        "run": str(row.folder),
                        **row.record.model_dump(
                            mode="json", include={"id", "created", "system", "measures", "tied_fraction", "seconds"}
                        ),
                    }
                    for place, row in zip(standing.places, standing.rows, strict=True)
                ],
            }
            for standing in standings(board.rows)
        ],
        "not_comparable": [
            {
                "run": str(run.folder),
                "system": run.record and run.record.system.name,
                "protocol": run.record and run.record.protocol.name,
                "reason": run.reason,
            }
            for run in board.set_aside
        ],
    }
