"""What a tool has measured, as a table, and where a page of the documentation shows it: between two comments."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import UserError
from harness.machine import write_text

END = "<!-- end -->"


def fill(page: Path, section: str, text: str) -> None:
    """Replace what stands in a section of a page, from `<!-- SECTION -->` to the next `<!-- end -->`.

    Raises:
        UserError: the page has no such section.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {section} -->\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{page} has no section from <!-- {section} --> to {END}")
    write_text(page, f"{before}{begin}{text.strip()}\n{end}{after}")


def table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Lines of Markdown: a column for each name in the first row.

    >>> table([{"clips": 12345, "seconds": 0.25}])
    ['| clips | seconds |', '| --- | --- |', '| 12,345 | 0.2500 |']
    """
    columns = list(rows[0])
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return lines + [f"| {' | '.join(as_text(row[column]) for column in columns)} |" for row in rows]


def as_text(value: object) -> str:
    """A number with four significant digits, a whole number with its thousands apart.

    >>> as_text(0.123456), as_text(12345), as_text(None)
    ('0.1235', '12,345', '-')
    """
    if isinstance(value, float):
        digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:,.{digits}f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
