"""Reading CSV files of captions: every cell verbatim, everything that is wrong with a file named at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.csv_file import MOST_KEPT_BYTES, SEPARATORS, read_rows, refuse
from harness.datasets.dataset import RetrievalDataset, from_captions
from harness.datasets.readers.audio_files import AudioFiles, one_each
from harness.errors import UserError, nearest

_LONGEST_NAME = 255
"""Bytes in the name of a file, on every file system in use."""
_NUMBERED = re.compile(r"caption_(\d+)")


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file in memory.

    `rows[i]` has one cell per entry of `header`, exactly as written; `lines[i]` is the line of the file it begins on,
    counted from 1.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of one column.

        Raises:
            UserError: the file has no such column.
        """
        if name not in self.header:
            near = nearest(name, self.header, cutoff=0.8)
            hint = f"; rename {near!r} if that is what it holds" if near else ""
            raise UserError(f"{self.path}: column {name} is missing; the header is {','.join(self.header)}{hint}")
        index = self.header.index(name)
        return tuple(row[index] for row in self.rows)


def read_csv(path: Path) -> CsvTable:
    """Read a UTF-8 file with a header, separated by commas, or else by semicolons or tabs.

    CRLF, LF and a byte order mark are accepted, blank lines skipped.

    Raises:
        UserError: the file is missing, empty, not UTF-8, not well-formed CSV, has a column twice, or rows with another
            number of cells than the header.
    """
    records = list(read_rows(path, separators=SEPARATORS, most_bytes=MOST_KEPT_BYTES))
    if not records:
        raise UserError(f"{path}: the file is empty; expected a header and one row per clip")
    (_, header), *body = records
    problems = [f"header: column {name!r} occurs twice" for name in dict.fromkeys(header) if header.count(name) > 1]
    problems += [
        f"line {line}: {len(cells)} cells where the header has {len(header)}; a cell with a comma needs double quotes"
        for line, cells in body
        if len(cells) != len(header)
    ]
    refuse(path, problems)
    return CsvTable(path, tuple(header), tuple(tuple(cells) for _, cells in body), tuple(line for line, _ in body))


def captions_by_clip(table: CsvTable, key: str = "file_name") -> dict[str, tuple[str, ...]]:
    """Group the captions of a table by clip, clips and captions in the order of the file.

    Two forms are read: one row per clip with columns `caption_1` to `caption_n`, of which a clip may leave some empty,
    or one row per caption with a column `caption`. `key` is the column that names the clip.

    Raises:
        UserError: a column is missing, a name is empty, a clip has no caption, a row of the second form has none, a
            name is a path or too long, a clip has two rows in the first form, or there is no row. All such problems
            are listed.
    """
    names = table.column(key)
    columns = _caption_columns(table)
    texts = [table.column(column) for column in columns]
    problems = [] if names else ["no row below the header; expected one per clip"]
    first_line: dict[str, int] = {}
    captions: dict[str, list[str]] = {}
    for row, (line, name) in enumerate(zip(table.lines, names, strict=True)):
        if not name.strip():
            problems.append(f"line {line}: {key} is empty")
        if "/" in name or "\\" in name:
            bare = re.split(r"[/\\]", name)[-1]
            problems.append(f"line {line}: {key} {name!r} is a path; expected the bare file name, {bare!r}")
        if len(name.encode()) > _LONGEST_NAME:
            problems.append(f"line {line}: {key} {name[:40]!r}… is longer than the name of a file can be")
        if name in first_line and columns != ["caption"]:
            problems.append(f"{key} {name!r} is on line {first_line[name]} and again on line {line}; keep one row")
        first_line.setdefault(name, line)
        written = [cells[row] for cells in texts if cells[row].strip()]
        if not written:
            problems.append(f"line {line}: {name!r} has no caption")
        captions.setdefault(name, []).extend(written)
    refuse(table.path, problems, "not a valid captions file")
    return {name: tuple(texts) for name, texts in captions.items()}


def read_split(
    captions_csv: Path, audio: Path, name: str, split: str, *, key: str = "file_name", others: Sequence[Path] = ()
) -> RetrievalDataset:
    """Read a split that is a captions CSV and a folder of audio files, called as its column `key` says.

    The audio may also lie in any of the `others`.

    Raises:
        UserError: something is wrong with the captions file, or several recordings could be meant by a clip.
    """
    captions = captions_by_clip(read_csv(captions_csv), key)
    files = AudioFiles([audio, *others])
    places = {clip: files.find(clip) for clip in captions}
    # A recording that is not there is expected where most are.
    usual = (files.fullest(places.values()) if others else None) or audio
    audio_path = one_each(f"{name} {split}", places, usual.joinpath)
    return from_captions(name, split, captions_csv.parent, captions, audio_path)


def is_captions_header(header: Sequence[str]) -> bool:
    """Whether these columns are those of a captions file.

    >>> is_captions_header(["file_name", "caption_1", "caption_2"]), is_captions_header(["file_name", "keywords"])
    (True, False)
    """
    return "file_name" in header and any(name == "caption" or _NUMBERED.fullmatch(name) for name in header)


def _caption_columns(table: CsvTable) -> list[str]:
    if "caption" in table.header:
        return ["caption"]
    numbers = [int(match[1]) for name in table.header if (match := _NUMBERED.fullmatch(name))]
    expected = [f"caption_{number}" for number in range(1, max(numbers, default=1) + 1)]
    if missing := [name for name in expected if name not in table.header]:
        raise UserError(
            f"{table.path}: column {', '.join(missing)} is missing; expected caption_1 to caption_n, or one column "
            f"caption; the header is {','.join(table.header)}"
        )
    return expected
