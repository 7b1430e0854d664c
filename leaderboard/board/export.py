"""The board as text for other programs: CSV with all digits, Markdown and LaTeX rounded for print."""

import csv
import io
from collections.abc import Iterator, Sequence

from harness.measures import as_text, is_median
from leaderboard.board.entries import Entry, Standing
from leaderboard.board.table import clips_per_second, has_groups, query_p95, size
from leaderboard.runs import note_on_marks

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


def to_csv(standings: Sequence[Standing]) -> str:
    """One row for each entry of all standings; unknown values are empty.

    Two builds of one system have equal names and differ in `label` and `digest`.
    """
    names = list(dict.fromkeys(name for standing in standings for name in standing.measures))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    about = ["stage", "parameters", "trained_on", "precision", "clips_per_second", "query_p95_seconds", "hardware"]
    # Where no system uses more than sound the file is as it was before there were such systems.
    more = ["uses"] if any(entry.uses for standing in standings for entry in standing.entries) else []
    writer.writerow(
        ["protocol", "dataset_digest", "audio_digest", "kind", "place", "group", "system", "label", "digest"]
        + [f"{name}{bound}" for name in names for bound in ("", ".low", ".high")]
        + [*about, "created", "run", "source", *more]
    )
    for standing in standings:
        for entry in standing.entries:
            cells = [*_csv_row(standing, entry, names), *([" ".join(entry.uses)] if more else [])]
            writer.writerow(map(_no_formula, cells))
    return file.getvalue()


def _no_formula(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: a text that would begin one gets an apostrophe before it.

    >>> _no_formula("=1+1"), _no_formula("linear"), _no_formula(-0.5)
    ("'=1+1", 'linear', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _csv_row(standing: Standing, entry: Entry, names: Sequence[str]) -> list[object]:
    record = entry.run and entry.run.record
    values: list[object] = []
    for name in names:
        one = entry.measures.get(name)
        values += [one.value, one.low, one.high] if one else [None] * 3
    return [
        standing.protocol.name,
        standing.dataset.digest,
        standing.dataset.audio_digest,
        "measured" if record else "reported",
        entry.place,
        entry.group,
        record.system.name if record else entry.reported and entry.reported.system,
        entry.label,
        record.system.digest if record else None,
        *values,
        entry.stage,
        entry.parameters or None,
        entry.trained_on,
        record.settings.precision if record else None,
        entry.clips_per_second,
        entry.query_p95_seconds,
        standing.hardware if entry.speed else None,
        record.created.isoformat() if record else entry.reported and entry.reported.year,
        entry.run and entry.run.folder.name,
        entry.reported.source if entry.reported else None,
    ]


def to_markdown(standings: Sequence[Standing], *, percent: bool = False) -> str:
    """A table for each standing, under a heading; measures as shares, or in per cent."""
    lines: list[str] = []
    for standing in standings:
        header, *rows = _cells(standing, percent)
        lines += [f"### {standing.title}", "", _markdown_row(header)]
        lines += ["|" + "|".join(" --- " if index == 1 else " ---: " for index in range(len(header))) + "|"]
        lines += [*map(_markdown_row, rows), ""]
        lines += [line for note in _on_marks(standing) for line in (note, "")]
    return "\n".join(lines)


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(escaped)} |"


_PREAMBLE = r"% needs \usepackage{booktabs, siunitx} and \sisetup{mode=text, reset-text-series=false}"


def to_latex(standings: Sequence[Standing], *, percent: bool = False) -> str:
    r"""A `tabular` for each standing: measures aligned at their decimal points, the best of each in bold.

    Args:
        standings: whose tables.
        percent: measures in per cent instead of as shares.

    Returns:
        What stands between `\begin{document}` and `\end{document}`; the first line, a comment, says what the preamble
        needs.
    """
    lines = [_PREAMBLE] if standings else []
    for standing in standings:
        header, *rows = _cells(standing, percent)
        columns = [_latex_column(standing, *column) for column in zip(header, *rows, strict=True)]
        first, *others = (" & ".join(row) + r" \\" for row in zip(*(cells for _, cells in columns), strict=True))
        lines += [
            f"% {standing.title}",
            rf"\begin{{tabular}}{{{''.join(layout for layout, _ in columns)}}}",
            *(r"\toprule", first, r"\midrule", *others, r"\bottomrule"),
            r"\end{tabular}",
            *(rf"\par{{\footnotesize {note.translate(_LATEX)}}}" for note in _on_marks(standing)),
            "",
        ]
    return "\n".join(lines)


_BOLD = r"\bfseries "
_TEXT_COLUMNS = ("system", "stage", "trained on")


def _latex_column(standing: Standing, name: str, *cells: str) -> tuple[str, list[str]]:
    """The layout and the cells of a column, its name first; a measure takes two: its values, and their intervals."""
    heading = name.translate(_LATEX)
    if name.removesuffix(_PERCENT) not in standing.measures:
        return "l" if name in _TEXT_COLUMNS else "r", [heading, *(cell.translate(_LATEX) for cell in cells)]
    values = [cell.partition(" ")[0] for cell in cells]
    best = (min if is_median(name) else max)(float(value) for value in values if value)
    digits = max(value.index(".") for value in values if value)
    decimals = max(len(value.partition(".")[2]) for value in values if value)
    shown = [
        f"{_BOLD if value and float(value) == best else ''}{value} & {cell.partition(' ')[2]}"
        for value, cell in zip(values, cells, strict=True)
    ]
    return f"S[table-format={digits}.{decimals}]@{{ }}l", [rf"\multicolumn{{2}}{{c}}{{{heading}}}", *shown]


_PERCENT = " (%)"


def _on_marks(standing: Standing) -> tuple[str, ...]:
    return note_on_marks(entry.label for entry in standing.entries)


def _cells(standing: Standing, percent: bool) -> Iterator[list[str]]:
    """The header, then a row for each entry; columns that are empty in all rows are left out."""
    measures = [f"{name}{_PERCENT}" if percent and not is_median(name) else name for name in standing.measures]
    header = ["", "system", "stage", *measures, "group", "parameters", "clips/s", "query p95", "trained on"]
    rows = [
        [
            str(entry.place or "reported"),
            entry.label,
            entry.stage,
            *(_measure(entry, name, percent) for name in standing.measures),
            entry.group if has_groups(standing) else "",
            size(entry.parameters),
            clips_per_second(entry) if standing.hardware else "",
            query_p95(entry) if standing.hardware else "",
            entry.trained_on,
        ]
        for entry in standing.entries
    ]
    kept = [column for column in range(len(header)) if column < 2 or any(row[column] for row in rows)]
    for row in (header, *rows):
        yield [" ".join(row[column].split()) for column in kept]


def _measure(entry: Entry, name: str, percent: bool) -> str:
    one = entry.measures.get(name)
    if one is None:
        return ""
    value, low, high = (
        None if share is None else f"{100 * share:.1f}" if percent and not is_median(name) else as_text(name, share)
        for share in (one.value, one.low, one.high)
    )
    return str(value) if low is None else f"{value} [{low}, {high}]"
