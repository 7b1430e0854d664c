"""Safe repairs of an output: those that leave no doubt what is meant."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.datasets import read_rows, write_rows
from harness.predictions import Spellings
from harness.submission.editions.profiles import Profile
from harness.submission.output.expected import Expected
from harness.submission.output.file import OutputStart
from harness.submission.repairs import Repair, Repairs


def mend_output(start: OutputStart, target: Path, expected: Expected | None, file: str, repairs: Repairs) -> None:
    """Write a copy with LF line ends, without byte order mark, and with misspelt names and captions corrected.

    Nothing is guessed: a name or caption is replaced only where it differs from exactly one of the known ones by no
    more than programs change (blanks, entities, folders, capital letters), and where that one is not there already.

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
    header = list(start.header)
    if kind == "ranked-list":
        header = _columns(start.profile, header)
    else:
        header = _matrix_columns(start.profile, header, expected)
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


def _columns(profile: Profile, header: list[str]) -> list[str]:
    """The edition's names for columns that are named otherwise, unless the names are data: a header is missing then."""
    is_data = any(cell.lower().endswith(".wav") for cell in header)
    known = profile.variant_of(header) or len(header) - 1 == profile.depth
    return profile.header(len(header) - 1) if known and not is_data else header


def _matrix_columns(profile: Profile, header: list[str], expected: Expected | None) -> list[str]:
    """The edition's name for the column of queries, where all others are clips, and the clips' own names."""
    corner, names = header[0], header[1:]
    if names and all(name.lower().endswith(".wav") for name in names) and not corner.lower().endswith(".wav"):
        corner = profile.columns[0]
    if expected and expected.clips:
        names = _respelt(names, expected.clip_spellings, expected.known_clips)
    return [corner, *names]


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
            mended[1:] = _respelt(cells[1:], expected.clip_spellings, expected.known_clips)
            for column, (before, after) in enumerate(zip(cells, mended, strict=True)):
                if column and before != after:
                    name = header[column] if column < len(header) else f"column {column + 1}"
                    repairs.add(replace(found, what="name", before=before, after=after, column=name))
        yield mended


def _respelt(names: Sequence[str], spellings: Spellings, known: frozenset[str]) -> list[str]:
    """The names with wrong spellings corrected, where that is certain and no clip is then named twice."""
    if known.issuperset(names):
        return list(names)
    taken = set(names)
    mended = []
    for name in names:
        meant = None if name in known else spellings.same(name)
        if meant is None or meant in taken:
            mended.append(name)
        else:
            taken.add(meant)
            mended.append(meant)
    return mended


def _captions(start: OutputStart, expected: Expected | None) -> dict[str, str]:
    """Captions that are no query, each with the one query that it can mean and that has no row yet."""
    if expected is None or not expected.queries:
        return {}
    records = read_rows(start.path)
    next(records, None)
    there = dict.fromkeys(cells[0] for _, cells in records)
    mended: dict[str, str] = {}
    taken = set(there)
    for text in there:
        meant = None if text in expected.times_asked else expected.query_spellings.same(text)
        if meant is not None and meant not in taken:
            mended[text] = meant
            taken.add(meant)
    return mended


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
