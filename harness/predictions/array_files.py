"""Arrays in files, with the names of their captions and clips where the file has them.

| file | what it may hold |
| --- | --- |
| `.npy` | one matrix: of scores, or the embeddings of one side |
| `.npz`, `.safetensors` | `scores`, or `text` and `audio` (or one of them); the names as `captions` and `clips`, which are arrays of texts in an `.npz`, and lists in JSON in the metadata of a `.safetensors` |
| `.parquet` | one column of texts, which names the rows; and a column of numbers for each clip, or one column of lists |
"""  # noqa: E501

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.datasets import MOST_KEPT_BYTES, SEPARATORS, read_rows
from harness.errors import UserError, meant, one_line
from harness.machine import open_file

Side = Literal["text", "audio"]
Names = tuple[str, ...] | None

NAMES_OF: dict[Side, str] = {"text": "captions", "audio": "clips"}
"""What the names of each side are called."""


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """What a file of arrays holds.

    Attributes:
        path: the file.
        arrays: by name; an array that the file does not name has the name `""`.
        rows: what its rows are called, where the file says so without saying of which side they are.
        columns: what its columns are called, likewise.
        names: the names of each side that the file says.
    """

    path: Path
    arrays: dict[str, Any]
    names: dict[str, tuple[str, ...]]
    rows: Names = None
    columns: Names = None

    @property
    def is_pair(self) -> bool:
        """Whether it has the embeddings of both sides."""
        return {"text", "audio"} <= self.arrays.keys()

    def only(self, name: str) -> Any:
        """The array of this name, or the only one the file has.

        Raises:
            UserError: there are others.
        """
        if name in self.arrays:
            return self.arrays[name]
        if len(self.arrays) == 1 and not self.arrays.keys() & {"scores", "text", "audio"}:
            return next(iter(self.arrays.values()))
        held = ", ".join(self.arrays) or "no arrays"
        raise UserError(f"{self.path} holds {held}; expected an array {name!r}, or `text` and `audio`, or only one")


def is_array_file(path: Path) -> bool:
    """Whether a file has the ending of a file of arrays.

    >>> is_array_file(Path("scores.NPZ")), is_array_file(Path("output.csv"))
    (True, False)
    """
    return path.suffix.lower() in _READERS


def read_array_file(path: Path) -> ArrayFile:
    """Read a file of arrays.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise UserError(f"{path} is no file of arrays; expected one of {', '.join(_READERS)}")
    try:
        return read(path)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except Exception as error:  # A damaged file can fail in any way.
        raise UserError(f"{path} cannot be read: {one_line(error)}") from error


def read_names(named: str, column: str) -> tuple[str, ...]:
    """Names from a text file, one a line, or from a column of a CSV file.

    Args:
        named: the file's path; for a CSV whose column is called otherwise, `path.csv:column`.
        column: the column of a CSV where none is named.

    Raises:
        UserError: the file cannot be read, or has no such column.
    """
    path, _, asked = named.rpartition(":") if ".csv:" in named else (named, "", column)
    if not path.lower().endswith(".csv"):
        try:
            with open_file(Path(path)) as file:
                lines = file.read(MOST_KEPT_BYTES).decode("utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
        return tuple(line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1]))
    rows = read_rows(Path(path), separators=SEPARATORS, most_bytes=MOST_KEPT_BYTES)
    _, header = next(rows, (1, []))
    if asked not in header:
        raise UserError(f"{path} has no column {asked!r}; {meant(asked, header)}; name it as in {path}:COLUMN")
    place = header.index(asked)
    found = []
    for line, cells in rows:
        if len(cells) != len(header):
            raise UserError(f"{path}: line {line}: {len(cells)} cells; expected {len(header)} as in the header")
        found.append(cells[place])
    return tuple(found)


def _npy(path: Path) -> ArrayFile:
    with open_file(path) as file:
        return ArrayFile(path, {"": np.load(file, allow_pickle=False)}, {})


def _npz(path: Path) -> ArrayFile:
    with open_file(path) as file, np.load(file, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    names = {name: arrays.pop(name) for name in NAMES_OF.values() if name in arrays}
    return ArrayFile(path, arrays, {name: _texts(path, name, found.tolist()) for name, found in names.items()})


def _safetensors(path: Path) -> ArrayFile:
    from safetensors import safe_open

    open_file(path).close()
    with safe_open(path, "pt") as held:
        arrays = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        said = held.metadata() or {}
    names = {name: _texts(path, name, json.loads(said[name])) for name in NAMES_OF.values() if name in said}
    return ArrayFile(path, arrays, names)


def _texts(path: Path, name: str, found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise UserError(f"{path}: {name!r} is no list of texts; expected the names of the {name} in their order")
    return tuple(found)


def _parquet(path: Path) -> ArrayFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_file(path) as file:
        table = pq.ParquetFile(file).read(use_threads=False)
    table.validate(full=True)
    texts = [field.name for field in table.schema if _is(pa.types.is_string, pa.types.is_large_string)(field.type)]
    if len(texts) != 1:
        raise UserError(
            f"{path} has {len(texts)} columns of texts ({', '.join(texts[:5]) or 'none'}); expected one, which names "
            "the rows, and beside it a column of numbers for each clip, or one of lists of numbers"
        )
    rows = _texts(path, texts[0], table[texts[0]].to_pylist())
    others = [name for name in table.column_names if name != texts[0]]
    is_list = _is(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if len(others) == 1 and is_list(table.schema.field(others[0]).type):
        return ArrayFile(path, {"": np.array(table[others[0]].to_pylist())}, {}, rows)
    columns = [table[name].to_numpy() for name in others]
    return ArrayFile(path, {"": np.stack(columns, axis=1) if columns else np.empty((0, 0))}, {}, rows, tuple(others))


def _is(*kinds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda of: any(kind(of) for kind in kinds)


_READERS: dict[str, Callable[[Path], ArrayFile]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".parquet": _parquet,
    ".safetensors": _safetensors,
}


def joined(paths: Sequence[Path]) -> str:
    """Files as a message or a record names them.

    >>> joined([Path("a/text.npy"), Path("audio.npy")])
    'text.npy, audio.npy'
    """
    return ", ".join(path.name for path in paths)
