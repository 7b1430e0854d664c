"""The board for a terminal: one table for each standing, and below them the runs that are not comparable."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.measures import as_text
from harness.protocols import Protocol
from leaderboard.board.entries import Entry, Standing, Value
from leaderboard.comparison import empty_table
from leaderboard.runs import Figure, SetAside, published

_WIDE_INTERVALS_FROM = 100
_SPEED_COLUMN = 12


def render(standings: Sequence[Standing], set_aside: Sequence[SetAside], width: int) -> Group:
    """Everything `lbar board` shows, for a terminal of `width` characters."""
    parts: list[RenderableType] = []
    for standing in standings:
        parts += [_table(standing, width), *(Text(line, style="dim") for line in _below(standing)), ""]
    if set_aside:
        parts.append(Text("Not comparable", style="bold"))
        parts += [Text.assemble("  ", what, ": ", (reason, "dim")) for what, reason in reasons(set_aside)]
    return Group(*parts)


def render_published(protocol: Protocol) -> Table:
    """What others published for a protocol that no run was measured by, best first, each with its source."""
    table = empty_table(Text(f"{protocol.name}, as published; nothing of it was measured here", style="bold"), gap=1)
    for name in ("system", *protocol.measures, "date", "source"):
        table.add_column(name, overflow="fold", no_wrap=name in protocol.measures)
    nothing = Figure(0.0, 0.0)
    found = [result for result in published() if result.protocol == protocol.name]
    for one in sorted(found, key=lambda result: -result.measures.get(protocol.primary, nothing).value):
        figures = [
            as_text(name, one.measures[name].value) if name in one.measures else "-" for name in protocol.measures
        ]
        table.add_row(Text(one.system), *figures, str(one.year), Text(one.source))
    return table


def _table(standing: Standing, width: int) -> Table:
    table = empty_table(Text(standing.title, style="bold"), gap=1)
    table.add_column("", justify="right")
    table.add_column("system", overflow="fold")
    for name in standing.measures:
        table.add_column(name, no_wrap=True)
    if standing.hardware:
        table.add_column("speed", no_wrap=True, justify="right")
    table.add_column("date", no_wrap=True)
    room = width - (_SPEED_COLUMN if standing.hardware else 0)
    wide = room >= _WIDE_INTERVALS_FROM and len(standing.measures) <= 4
    grouped = has_groups(standing)
    for entry in standing.entries:
        cells = [
            _measure(name, entry.measures[name], wide=wide) if name in entry.measures else "-"
            for name in standing.measures
        ]
        if standing.hardware:
            cells.append(_two_lines(f"{clips_per_second(entry)}/s", f"p95 {query_p95(entry)}") if entry.speed else "-")
        place = str(entry.place) if entry.place else ""
        table.add_row(
            _two_lines(place, entry.group) if grouped else place,
            _two_lines(entry.label, about(entry)),
            *cells,
            _when(entry),
        )
    return table


def has_groups(standing: Standing) -> bool:
    """Whether any two systems share a letter; where all differ significantly, letters are of no use."""
    groups = [entry.group for entry in standing.entries if entry.group]
    return len(set(groups)) < len(groups) or any(len(group) > 1 for group in groups)


def _below(standing: Standing) -> Iterator[str]:
    if has_groups(standing):
        yield (
            "Systems that share a letter cannot be told apart by their "
            f"{standing.protocol.primary} (permutation over clips, Holm-corrected, p > 0.05)."
        )
    if standing.hardware:
        yield f"Speed on {standing.hardware}: clips embedded in a second, and the time 95 of 100 queries take at most."
    yield from standing.notes


def reasons(runs: Sequence[SetAside]) -> list[tuple[str, str]]:
    """The system and protocol of each run that is not comparable, or its folder, and the reason."""
    return sorted(
        (f"{run.record.system.name}, {run.record.protocol.name}" if run.record else run.folder.name, run.reason)
        for run in runs
    )


def _measure(name: str, measure: Value, *, wide: bool) -> Text:
    r"""The value, with its interval below.

    >>> _measure("R@1", Value(0.312, 0.29, 0.334), wide=True).plain
    '0.312\n[0.290, 0.334]'
    """
    if measure.low is None or measure.high is None:
        return Text(as_text(name, measure.value))
    low, high = (as_text(name, bound) for bound in (measure.low, measure.high))
    interval = f"[{low}, {high}]" if wide else f"{low.removeprefix('0')}-{high.removeprefix('0')}"
    return _two_lines(as_text(name, measure.value), interval)


def _two_lines(first: str, second: str) -> Text:
    return Text.assemble(first, "\n", (second, "dim"))


def _when(entry: Entry) -> Text:
    if entry.run is None:
        return _two_lines(str(entry.reported.year) if entry.reported else "", "reported")
    record = entry.run.record
    return _two_lines(f"{record.created:%Y-%m-%d}", f"{record.tied_fraction:.1%} tied")


def about(entry: Entry) -> str:
    """Stage, size, training data, and the precision unless it is fp32, in a line, as far as they are known."""
    precision = "" if entry.run is None else entry.run.record.settings.precision.removeprefix("fp32")
    parts = (entry.stage, size(entry.parameters), entry.trained_on, precision)
    return "; ".join(part for part in parts if part)


def size(parameters: int) -> str:
    """A number of parameters as text, empty where it is unknown.

    >>> size(900_000), size(86_100_000), size(1_300_000_000), size(512), size(0)
    ('0.9 M', '86.1 M', '1.3 G', '512', '')
    """
    if parameters >= 10**9:
        return f"{parameters / 10**9:.1f} G"
    if parameters >= 10**5:
        return f"{parameters / 10**6:.1f} M"
    return str(parameters or "")


def clips_per_second(entry: Entry) -> str:
    """Clips per second as text, `-` where it was not measured."""
    value = entry.clips_per_second
    return "-" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def query_p95(entry: Entry) -> str:
    """The 95th percentile of a query's time as text, `-` where it was not measured."""
    value = entry.query_p95_seconds
    return "-" if value is None else f"{value * 1000:,.1f} ms"


def to_json(standings: Sequence[Standing], set_aside: Sequence[SetAside]) -> dict[str, Sequence[object]]:
    """The board as plain values, for JSON."""
    return {
        "standings": [
            {
                "protocol": standing.protocol.model_dump(mode="json"),
                "dataset": standing.dataset.model_dump(mode="json"),
                "hardware": standing.hardware or None,
                "systems": [_entry_json(entry) for entry in standing.entries if entry.run],
                "reported": [_reported_json(entry) for entry in standing.entries if entry.reported],
            }
            for standing in standings
        ],
        "not_comparable": [
            {
                "run": str(run.folder),
                "system": run.record and run.record.system.name,
                "protocol": run.record and run.record.protocol.name,
                "reason": run.reason,
            }
            for run in set_aside
        ],
    }


def _entry_json(entry: Entry) -> dict[str, object]:
    assert entry.run is not None
    return {
        "place": entry.place,
        "group": entry.group or None,
        "label": entry.label,
        "stage": entry.stage or None,
        "run": str(entry.run.folder),
        "clips_per_second": entry.clips_per_second,
        "query_p95_seconds": entry.query_p95_seconds,
        **entry.run.record.model_dump(
            mode="json", include={"id", "created", "system", "measures", "tied_fraction", "seconds"}
        ),
    }


def _reported_json(entry: Entry) -> dict[str, object]:
    assert entry.reported is not None
    result = entry.reported
    return {
        "system": result.system,
        "team": result.team,
        "year": result.year,
        "measures": {name: figure.value for name, figure in result.measures.items()},
        "parameters": result.parameters or None,
        "trained_on": result.trained_on,
        "uses": result.uses,
        "source": result.source,
        "confidence": result.confidence,
        "note": result.note,
    }
