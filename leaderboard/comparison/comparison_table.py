"""A comparison for the terminal: differences pair by pair, groups, and published figures."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from leaderboard.comparison.beyond import OtherRules, lines_on_seeds, seeds_of
from leaderboard.comparison.comparing import AgainstPublished, Comparison, Difference
from leaderboard.comparison.wording import explained, p_text
from leaderboard.runs import Published, note_on_marks

MOST_PUBLISHED = 5
"""Published systems that are shown beside each of ours, where nobody named any."""


def render(
    comparison: Comparison,
    published: Sequence[AgainstPublished],
    most: int | None = MOST_PUBLISHED,
    others: Sequence[OtherRules] = (),
) -> Group:
    """Everything `lbar compare` shows.

    Args:
        comparison: of systems with each other.
        published: their measures beside published figures.
        most: how many published systems are shown beside each of ours; a line counts the others. `None` shows all.
        others: the order under other rules.
    """
    parts: list[RenderableType] = [Text(comparison.title, style="bold"), ""]
    if comparison.differences:
        parts += [_systems(comparison), ""]
        for measure in comparison.groups:
            parts += [_pairs([one for one in comparison.differences if one.measure == measure], measure), ""]
        parts += [Text(str(votes)) for votes in comparison.by_ear]
        parts += [Text(explained(len(comparison.differences)), style="dim")]
        parts += [Text(line, style="dim") for line in note_on_marks(comparison.systems)]
        detectable = max(one.detectable for one in comparison.differences if one.measure == comparison.primary)
        parts += [Text(line) for line in lines_on_seeds(seeds_of(comparison.records), detectable)]
        parts += [Text(str(one)) for one in others]
    if published:
        parts += [*([""] if comparison.differences else []), *_published(published, most)]
    return Group(*parts)


def empty_table(title: Text | None = None, gap: int = 2) -> Table:
    """A table without columns, with `gap` spaces between those to come."""
    padding = (0, gap, 0, 0)
    return Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding
    )


def _systems(comparison: Comparison) -> Table:
    table = empty_table()
    table.add_column("system", overflow="fold")
    for name in comparison.groups:
        table.add_column(name, no_wrap=True)
    for index, (system, record) in enumerate(zip(comparison.systems, comparison.records, strict=True)):
        by_name = {measure.name: measure for measure in record.measures}
        cells = [
            Text.assemble(f"{by_name[name].value:.3f} ", (f"{groups[index]}", "dim"))
            for name, groups in comparison.groups.items()
        ]
        table.add_row(Text(system), *cells)
    return table


def _pairs(differences: Sequence[Difference], measure: str) -> Table:
    table = empty_table(Text(measure))
    table.add_column("", overflow="fold")
    for header in ("difference", "95 %", "p", "won", "lost", "tied", "detectable"):
        table.add_column(header, no_wrap=True, justify="right")
    for one in differences:
        style = "" if one.told_apart else "dim"
        table.add_row(
            Text(f"{one.first} − {one.second}"),  # noqa: RUF001
            Text(f"{one.value:+.3f}", style=style),
            Text(f"[{one.low:+.3f}, {one.high:+.3f}]", style=style),
            Text(p_text(one.corrected) + (" *" if one.told_apart else "  "), style=style),
            *(f"{count:,}" for count in (one.won, one.lost, one.tied)),
            f"{one.detectable:.3f}",
        )
    return table


def _published(found: Sequence[AgainstPublished], most: int | None) -> Iterator[RenderableType]:
    """The first published systems beside each of ours, and a line on how many there are."""
    beside: dict[str, list[Published]] = {}
    for one in found:
        if one.published not in beside.setdefault(one.system, []):
            beside[one.system].append(one.published)
    shown = [one for one in found if one.published in beside[one.system][:most]]
    yield _figures(shown)
    if len(shown) < len(found):
        verdicts = Counter(one.verdict for one in found)
        counts = ", ".join(f"{verdicts[verdict]:,} {verdict}" for verdict in ("above", "within", "below"))
        systems = max(map(len, beside.values()))
        yield ""
        yield Text(
            f"Shown are the first {most} of {systems:,} published systems; of {len(found):,} figures {counts} our "
            "interval. All are in --json; --published SYSTEM names one."
        )


def _figures(found: Sequence[AgainstPublished]) -> Table:
    table = empty_table(Text("Against published figures (reported; no queries, so no paired test)"))
    table.add_column("published", overflow="fold")
    table.add_column("measure", no_wrap=True)
    table.add_column("theirs", no_wrap=True, justify="right")
    table.add_column("ours", overflow="fold")
    table.add_column("theirs is", no_wrap=True)
    shown: tuple[str, str] | None = None
    for one in found:
        heading = (one.system, one.published.system)
        table.add_row(
            "" if heading == shown else Text(f"{one.published.system} ({one.published.year})"),
            one.measure,
            f"{one.figure.value:.4f}",
            Text(f"{one.system} {one.value:.4f} [{one.low:.4f}, {one.high:.4f}]"),
            Text(f"{one.verdict} our interval", style="dim" if one.verdict == "within" else ""),
        )
        shown = heading
    return table


def to_json(
    comparison: Comparison, published: Sequence[AgainstPublished], others: Sequence[OtherRules] = ()
) -> dict[str, object]:
    """The comparison as plain values, for JSON."""
    return {
        "protocol": comparison.records[0].protocol.model_dump(mode="json"),
        "dataset": comparison.records[0].dataset.model_dump(mode="json"),
        "systems": [
            {
                "system": system,
                "run": record.id,
                "measures": [measure.model_dump(mode="json") for measure in record.measures],
                "groups": {name: groups[index] for name, groups in comparison.groups.items()},
            }
            for index, (system, record) in enumerate(zip(comparison.systems, comparison.records, strict=True))
        ],
        "differences": [asdict(one) | {"told_apart": one.told_apart} for one in comparison.differences],
        "by_ear": [asdict(one) for one in comparison.by_ear],
        "runs_of_one_system": [asdict(one) for one in seeds_of(comparison.records)],
        "other_rules": [asdict(one) for one in others],
        "published": [
            {
                "system": one.system,
                "measure": one.measure,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "published": one.published.system,
                "source": one.published.source,
                "figure": one.figure.value,
                "rounding": one.figure.rounding,
                "verdict": one.verdict,
            }
            for one in published
        ],
    }
