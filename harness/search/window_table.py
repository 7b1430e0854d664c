"""The windows that a system embedded, as a table of a LanceDB database; all that knows LanceDB is here.

The database is a folder, or an address of an object store such as `s3://bucket/sounds`. It has a table for each system.
What is added or removed at once is there as a whole or not at all, whenever a process is killed.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.audio import Array
from harness.errors import UserError, one_line
from harness.machine import cache_root, embedding_key
from harness.search.recordings import Recording
from harness.search.windows import Window

if TYPE_CHECKING:
    import pyarrow as pa

_ABOUT = b"lbar"
_KNOWN = ["title", "tags"]
_WHERE = re.compile(r",? \S+\.rs:[\d:]+")
"""Where in its own code the database found something wrong."""
_MOST_SYSTEMS = 1_000
_NAMED_AT_ONCE = 1_000
"""Files that are named in one command to the database."""
_KEPT_FOR = timedelta(days=1)
"""How long what a command replaced stays for those who read it."""


class IndexedSystem(BaseModel):
    """The system that a table is of, as the table itself says it.

    Attributes:
        named: by what the system is built: a registered name, a card's path or `package.module:factory`.
        name: of the system, as tables show it.
        digest: identifies all that decides its output.
    """

    model_config = ConfigDict(frozen=True)

    named: str
    name: str
    digest: str


class Places(NamedTuple):
    """Where the windows of a table are, in its order.

    Attributes:
        files: the recordings.
        file: index of each window's recording.
        start: of each window, in seconds.
        end: of each window, in seconds.
        duration: of its recording, in seconds.
        row: by what the database knows each window.
        known: what is known beside the sound of each: `title` and `tags`.
        digest: of where they are, the system, and the state of each recording: it decides the vectors.
    """

    files: list[str]
    file: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    duration: NDArray[np.float64]
    row: NDArray[np.uint64]
    known: "pa.Table"
    digest: str


class WindowTable:
    """The windows of one system."""

    def __init__(self, database: "Database", table: Any, about: IndexedSystem) -> None:
        """Get it from a `Database`."""
        self.about = about
        self._address = database.address
        self.cache = database.cache(about.named)
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return int(self._table.schema.field("vector").type.list_size)

    @property
    def facts(self) -> dict[str, str]:
        """What was noted of the vectors."""
        noted = self._table.schema.field("vector").metadata or {}
        return {key.decode(): value.decode() for key, value in noted.items()}

    def note(self, **facts: str) -> None:
        """Note facts of the vectors, in place of what was noted before."""
        with _told(self._address):
            self._table.update_field_metadata({"path": "vector", "metadata": facts, "replace": True})

    def states(self) -> dict[str, str]:
        """The recordings, and the state in which each was when it was indexed."""
        with _told(self._address):
            rows = self._table.search().where("start = 0").select(["file", "state"]).to_arrow()
        return dict(zip(rows["file"].to_pylist(), rows["state"].to_pylist(), strict=True))

    def add(self, windows: Sequence[tuple[Recording, Window]], vectors: Array) -> None:
        """Add windows, all or none of them.

        Raises:
            UserError: they cannot be written.
        """
        import pyarrow as pa

        of = [recording for recording, _ in windows]
        columns = {
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
            "file": [recording.file for recording in of],
            "start": [window.start for _, window in windows],
            "end": [window.end for _, window in windows],
            "duration": [recording.seconds for recording in of],
            "title": [recording.title for recording in of],
            "tags": [list(recording.tags) for recording in of],
            "checksum": [recording.checksum for recording in of],
            "state": [recording.state for recording in of],
        }
        with _told(self._address):
            self._table.add(pa.table(columns, schema=schema(self.about, vectors.shape[1])))

    def remove(self, files: Sequence[str]) -> None:
        """Remove the windows of these recordings."""
        with _told(self._address):
            for start in range(0, len(files), _NAMED_AT_ONCE):
                quoted = ("'" + file.replace("'", "''") + "'" for file in files[start : start + _NAMED_AT_ONCE])
                self._table.delete(f"file IN ({', '.join(quoted)})")

    def tidy(self) -> None:
        """Join what many small changes left, and bring the index of an approximate search up to date."""
        with _told(self._address):
            self._table.optimize(cleanup_older_than=_KEPT_FOR)

    def places(self) -> Places:
        """Where all windows are."""
        with _told(self._address):
            columns = ["file", "state", "start", "end", "duration"]
            found = self._table.search().select([*columns, *_KNOWN]).with_row_id(True).to_arrow()
        file, state = (found[name].combine_chunks().dictionary_encode() for name in columns[:2])
        start, end, duration, row = (found[name].to_numpy() for name in (*columns[2:], "_rowid"))
        digest = hashlib.sha256(self.about.model_dump_json().encode())
        for names in (file, state):
            digest.update("\0".join(names.dictionary.to_pylist()).encode() + names.indices.to_numpy().tobytes())
        for column in (start, end, duration, row):
            digest.update(column.tobytes())
        of = file.indices.to_numpy().astype(np.int64)
        # Joined now, so that a search finds a few of them at once.
        known = found.select(_KNOWN).combine_chunks()
        return Places(file.dictionary.to_pylist(), of, start, end, duration, row, known, digest.hexdigest())

    def vectors(self, start: int = 0) -> Iterator[Array]:
        """The vectors from window `start` on, batch by batch."""
        with _told(self._address):
            for batch in self._table.search().select(["vector"]).offset(start).to_batches():
                yield np.asarray(batch["vector"].flatten()).reshape(-1, self.width)

    def make_approximate(self) -> None:
        """Build the index of an approximate search (IVF-PQ), in place of the one there was.

        Raises:
            UserError: there are too few windows, or it cannot be written.
        """
        from lancedb.index import IvfPq

        if len(self) < 256:
            raise UserError(f"{self._address} has {len(self)} windows, too few for an approximate search; leave it out")
        # A part of four numbers is rounded to one of 256; where the width has no such divisor the parts are longer.
        parts = max(part for part in range(1, max(self.width // 4, 1) + 1) if self.width % part == 0)
        # Centres that were sought less long, among fewer vectors, find as many when a little more is searched.
        config = IvfPq(distance_type="dot", num_sub_vectors=parts, max_iterations=_ITERATIONS, sample_rate=_SAMPLES)
        with _told(self._address):
            self._table.create_index("vector", config=config, replace=True)

    def nearest(self, query: Array, k: int, probes: int) -> tuple[NDArray[np.uint64], Array]:
        """Windows with high inner products: what the database knows them by, and their vectors, best first.

        Args:
            query: shape `(d,)`.
            k: how many.
            probes: partitions of the approximate index that are searched.
        """
        with _told(self._address):
            asked = self._table.search(query, vector_column_name="vector").distance_type("dot").limit(k)
            asked = asked.nprobes(probes).refine_factor(_REFINED).select(["vector", "_distance"]).with_row_id(True)
            found = asked.to_arrow().combine_chunks()
        vectors = np.asarray(found["vector"].combine_chunks().flatten()).reshape(-1, self.width)
        return found["_rowid"].to_numpy(), vectors


_ITERATIONS, _SAMPLES = 10, 64
"""Of the search for the centres of an approximate index: its rounds, and how many vectors there are for a centre."""

_REFINED = 20
"""How many times as many windows as are asked for are compared by their exact vectors."""


class Database:
    """A folder or an object store with a table for each system."""

    def __init__(self, address: str | Path) -> None:
        """Open a database; it need not exist.

        Raises:
            UserError: LanceDB is not installed, or the address is none.
        """
        # Of what it does in the ordinary course of things it warns on standard error.
        os.environ.setdefault("LANCEDB_LOG", "error")
        try:
            import lancedb  # noqa: F401
        except ImportError as error:
            raise UserError(
                "an index of sounds is a LanceDB database, and LanceDB is not installed; install it by python -m pip "
                "install 'lbar[search]'"
            ) from error
        self.address = str(address)
        self.folder = None if "://" in self.address else Path(self.address).absolute()
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.address} is a file; an index is a folder")

    def cache(self, named: str) -> Path:
        """The folder for what is kept of the table of a system that is built by this."""
        return cache_root() / "indexes" / embedding_key(str(self.folder or self.address), named)

    def tables(self) -> list[WindowTable]:
        """The tables of all systems, by name."""
        # LanceDB would look through all that is below a folder of recordings, and not go round a link that leads back.
        if self.folder is not None and not any(self.folder.glob("*.lance")):
            return []
        with _told(self.address):
            names = sorted(self._lance.list_tables(limit=_MOST_SYSTEMS).tables)
        return [table for name in names if (table := self._open(name)) is not None]

    def table(self, named: str) -> WindowTable | None:
        """The table of a system, by what it is built by or by its name."""
        return next((one for one in self.tables() if named in (one.about.named, one.about.name)), None)

    def create(self, about: IndexedSystem, width: int) -> WindowTable:
        """Make the table of a system, in place of the one there is.

        Args:
            about: the system.
            width: how many numbers a vector has.

        Raises:
            UserError: it cannot be written.
        """
        with _told(self.address):
            table = self._lance.create_table(table_name(about.named), schema=schema(about, width), mode="overwrite")
        return WindowTable(self, table, about)

    @cached_property
    def _lance(self) -> Any:
        import lancedb

        return lancedb.connect(self.address)

    def _open(self, name: str) -> WindowTable | None:
        with _told(self.address):
            table = self._lance.open_table(name)
            noted = (table.schema.metadata or {}).get(_ABOUT)
        try:
            # Other people's tables may lie beside.
            return noted and WindowTable(self, table, IndexedSystem.model_validate_json(noted))
        except ValidationError as error:
            raise UserError(f"{self.address}: its table {name} is of another version of lbar; index anew") from error


def schema(about: IndexedSystem, width: int) -> "pa.Schema":
    """The columns of a table: a row is a window.

    `checksum` is that of the recording's file, `state` its size and the time of its last change.
    """
    import pyarrow as pa

    columns = {
        "vector": pa.list_(pa.float32(), width),
        "file": pa.string(),
        "start": pa.float64(),
        "end": pa.float64(),
        "duration": pa.float64(),
        "title": pa.string(),
        "tags": pa.list_(pa.string()),
        "checksum": pa.string(),
        "state": pa.string(),
    }
    return pa.schema(columns, {_ABOUT: about.model_dump_json()})


def table_name(named: str) -> str:
    """The name of a system's table: readable, and another one for every system.

    >>> table_name("tiny-mn"), table_name("cards/mine.yaml")
    ('tiny-mn', 'cards-mine.yaml-29204406')
    """
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", named)
    return readable if readable == named else f"{readable}-{hashlib.sha256(named.encode()).hexdigest()[:8]}"


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Say in a line what the database could not do."""
    try:
        yield
    except UserError:
        raise
    # Its errors are of many types, most of them RuntimeError.
    except Exception as error:
        why = _WHERE.sub("", one_line(error))
        raise UserError(
            f"the index {address} cannot be read or written: {why}; check the place and the room there; what is in the "
            "index stays, and the same command goes on from there"
        ) from error
