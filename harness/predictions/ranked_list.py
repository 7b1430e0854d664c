"""The predictions file of DCASE 2022 to 2024: per caption, the names of the best clips, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets import NO_ROW, read_rows, refuse, write_rows

DEPTH = 10
"""Clips per caption the challenge asks for."""

RANK = "{rank}"
Columns = tuple[str, ...]
IN_USE: tuple[Columns, ...] = (("caption", f"file_name_{RANK}"), ("caption", f"fname_{RANK}"), ("0", RANK))
"""Columns of ranked lists, with `{rank}` for 1, 2, ...: those of 2022, those of 2024, and those of 2023,
which pandas writes for a table without column names."""
ASKED_BY_CLIPS: tuple[Columns, ...] = (("file_name", f"caption_{RANK}"), ("fname", f"caption_{RANK}"))
"""Columns of lists that rank captions for a clip; no challenge asks for them."""


@dataclass(frozen=True, slots=True)
class RankedLists:
    """The content of a ranked-list file.

    Attributes:
        queries: captions, verbatim, in the file's order.
        names: per caption, `depth` different clip names, best first.
        depth: length of every list.
    """

    queries: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    depth: int


def header_of(columns: Sequence[str], depth: int) -> list[str]:
    """The header of a ranked list with these columns.

    >>> header_of(("caption", "fname_{rank}"), 2)
    ['caption', 'fname_1', 'fname_2']
    """
    *fixed, ranked = columns
    return [*fixed, *(ranked.replace(RANK, str(rank)) for rank in range(1, depth + 1))]


def columns_of(header: Sequence[str], known: Sequence[Columns] = IN_USE) -> Columns | None:
    """The columns of a ranked list of any depth; `None` where its header is made of none of the known ones.

    >>> columns_of(["caption", "fname_1", "fname_2"]), columns_of(["index", "a.wav"])
    (('caption', 'fname_{rank}'), None)
    """
    depth = len(header) - 1
    return next((one for one in known if depth > 0 and list(header) == header_of(one, depth)), None)


def read_ranked_list(path: Path, known: Sequence[Columns] = IN_USE) -> RankedLists:
    """Read a ranked-list file.

    Args:
        path: the file.
        known: the columns it may have.

    Raises:
        UserError: it cannot be read, or rows are wrong: all of them are listed, with line and column.
    """
    rows = read_rows(path)
    line, header = next(rows, (1, []))
    problems: list[str] = []
    if columns_of(header, known) is None:
        problems.append(
            f"line {line}: the header is {','.join(header)[:80]!r}; expected caption,file_name_1,...,file_name_{DEPTH}"
        )
        refuse(path, problems, "not a ranked list")
    queries: list[str] = []
    names: list[tuple[str, ...]] = []
    for line, (query, *ranked) in rows:
        queries.append(query)
        names.append(tuple(ranked))
        problems += _problems(line, query, ranked, header)
    if not queries:
        problems.append(NO_ROW)
    refuse(path, problems, "not a valid ranked list")
    return RankedLists(tuple(queries), tuple(names), len(header) - 1)


def write_ranked_list(
    path: Path,
    queries: Sequence[str],
    names: Sequence[Sequence[str]],
    columns: Columns = IN_USE[0],
) -> None:
    """Write `caption,file_name_1,...`, one row per query.

    Args:
        path: replaced as a whole, or not at all.
        queries: captions, verbatim.
        names: per caption, clip names, best first; all lists of one length.
        columns: names of the columns, that of the clips with `{rank}` for 1, 2, ...

    Raises:
        UserError: the file cannot be written, or would not be valid.
        ValueError: not one list per query.
    """
    depth = len(names[0]) if names else DEPTH
    header = header_of(columns, depth)
    rows = [[query, *ranked] for query, ranked in zip(queries, names, strict=True)]
    problems = [
        problem for line, (query, *ranked) in enumerate(rows, 2) for problem in _problems(line, query, ranked, header)
    ]
    if not rows:
        problems.append(NO_ROW)
    refuse(path, problems, "what would be written is not a valid ranked list")
    write_rows(path, [header, *rows])


def _problems(line: int, query: str, ranked: Sequence[str], header: Sequence[str]) -> list[str]:
    if len(ranked) != len(header) - 1:
        return [
            f"line {line}: {len(ranked) + 1} columns, expected {len(header)} as in the header "
            "(a caption or name that holds a comma must be quoted)"
        ]
    problems = [f"line {line}, column {header[0]}: empty"] if not query else []
    ranks_clips = all(header[0] != columns[0] for columns in ASKED_BY_CLIPS)
    what = "clip's file name" if ranks_clips else "caption"
    first_column: dict[str, str] = {}
    for column, name in zip(header[1:], ranked, strict=True):
        if not name:
            problems.append(f"line {line}, column {column}: empty; expected a {what}")
        elif ranks_clips and ("/" in name or "\\" in name):
            problems.append(f"line {line}, column {column}: {name!r} is a path; expected bare file names")
        elif name in first_column:
            problems.append(f"line {line}, column {column}: {name!r} is already in column {first_column[name]}")
        first_column.setdefault(name, column)
    return problems
