"""Safe repairs of an output: those that leave no doubt what is meant."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.datasets import read_rows, write_rows
from harness.submission.output.expected import Expected
from harness.submission.output.file import OutputStart
from harness.submission.output.respelling import mended_captions, mended_header, mended_names
from harness.submission.repairs import Repair, Repairs


def mend_output(start: OutputStart, target: Path, expected: Expected | None, file: str, repairs: Repairs) -> None:
    """Write a copy with LF line ends, without byte order mark, and with misspelt names and captions corrected.

    Nothing is guessed: a name or caption is replaced only where it differs from exactly one of the known ones by no
    more than programs change (`Spellings`), and where that one is not there already.

    Args:
        start: of the file.
        target: the copy.
        expected: the queries and clips the file should answer; without these only its form is mended.
        file: the file's name in `repairs`.
        repairs: the list that the repairs are added to.

    Raises:
        UserError: the file cannot be read to its end, or the copy cannot be written.
    """
    if start.has_bom:
        repairs.add(Repair(file, "byte order mark", "\ufeff", "", line=1))
    if start.has_carriage_returns:
        repairs.add(Repair(file, "line ends", "\r\n", "\n"))
    kind = start.profile.kind
    header = mended_header(start.header, start.profile, expected)
    for number, (before, after) in enumerate(zip(start.header, header, strict=True), 1):
        if before != after:
            repairs.add(Repair(file, "column name", before, after, start.line, f"column {number}"))
    rows = _rows(start, header, expected, file, repairs)
    if kind == "ranked-list" and expected and expected.queries:
        rows = iter(_in_order(list(rows), expected, file, repairs))
    write_rows(target, _with_header(header, rows))


def _with_header(header: Sequence[str], rows: Iterator[list[str]]) -> Iterator[Sequence[str]]:
    yield header
    yield from rows


def _rows(
    start: OutputStart, header: Sequence[str], expected: Expected | None, file: str, repairs: Repairs
) -> Iterator[list[str]]:
    captions = _captions(start, expected)
    records = read_rows(start.path)
    next(records, None)
    for line, cells in records:
        found = Repair(file, "", "", "", line)
        mended = list(cells)
        caption = captions.get(cells[0])
        if caption is not None:
            repairs.add(replace(found, what="caption", before=cells[0], after=caption, column=header[0]))
            mended[0] = caption
        if start.profile.kind == "ranked-list" and expected and expected.clips:
            mended[1:] = mended_names(cells[1:], expected)
            for column, (before, after) in enumerate(zip(cells, mended, strict=True)):
                if column and before != after:
                    name = header[column] if column < len(header) else f"column {column + 1}"
                    repairs.add(replace(found, what="name", before=before, after=after, column=name))
        yield mended


def _captions(start: OutputStart, expected: Expected | None) -> dict[str, str]:
    records = read_rows(start.path)
    next(records, None)
    return mended_captions([cells[0] for _, cells in records], expected) if expected else {}


def _in_order(rows: list[list[str]], expected: Expected, file: str, repairs: Repairs) -> list[list[str]]:
    """Rows in the order of the queries, where each answers one of them."""
    place = {text: index for index, text in reversed(list(enumerate(expected.queries)))}
    if any(row[0] not in place for row in rows):
        return rows
    ordered = sorted(rows, key=lambda row: place[row[0]])
    alike = len(rows) == len(place)
    if alike and [row[0] for row in ordered] != [row[0] for row in rows]:
        first = next(index for index, (one, other) in enumerate(zip(rows, ordered, strict=True)) if one[0] != other[0])
        repairs.add(Repair(file, "order of rows", rows[first][0], ordered[first][0], first + 2))
        return ordered
    return rows
