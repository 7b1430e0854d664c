"""The answers of an index: places in recordings that match words, or sound like a place in another recording."""

import math
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.errors import UserError, meant
from harness.machine import Progress, silent
from harness.measures import ExactIndex
from harness.search.approximate import measured
from harness.search.mapped_vectors import mapped_vectors
from harness.search.searching_system import SearchingSystem, spelt
from harness.search.window_table import Database, WindowTable
from harness.search.windows import parse_place

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.int64]

_FIRST, _MORE = 8, 8
"""Windows that are looked at first for each answer, as several may be of one place; and how many times more then."""

_TRIED = 300
"""Captions among which examples are looked for."""


class SoundIndex:
    """The windows of one system in an index, and the system itself. Get it by `open_index`."""

    def __init__(self, table: WindowTable, system: SearchingSystem, *, progress: Progress = silent) -> None:
        """Read where the windows are; `progress` is opened where their vectors are to be written to the cache."""
        self.about = table.about
        self._table = table
        self._system = system
        self._progress = progress
        self._places = table.places()
        self._files = np.array(self._places.files, dtype=object)
        self._durations = np.zeros(len(self._files))
        self._durations[self._places.file] = self._places.duration
        self._by_row = np.argsort(self._places.row)
        self._exact_in = lru_cache(maxsize=2)(self._exact_index)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._places.row)

    @property
    def files(self) -> Sequence[str]:
        """The absolute paths of the recordings."""
        return self._places.files

    @property
    def recall(self) -> float | None:
        """The share of the ten best that an approximate search finds, as measured; `None` where there is none."""
        found = measured(self._table)
        return found and found[1]

    def search(
        self,
        words: str = "",
        *,
        top: int = 10,
        like: str | Path = "",
        without: str = "",
        folder: str | Path = "",
        longest: float = math.inf,
        approximate: bool = False,
    ) -> "pd.DataFrame":
        """The places that match some words best, or sound most like another place.

        Windows of one recording that overlap are one answer: its place is that of the best of them.

        Args:
            words: what is looked for; empty where `like` is given.
            top: number of answers.
            like: a recording, or `FILE@SECONDS` for a place in it; this recording is not among the answers.
            without: words whose score is taken off that of each place.
            folder: only recordings in this folder, or in folders within.
            longest: only recordings that last no more seconds.
            approximate: ask the database's own index, which is faster for millions of windows, and may miss some.

        Returns:
            A row per answer, best first: `file`; `start`, `end` and `duration` in seconds; `score`; `better_than`, the
            share of 1,000 unrelated captions whose score at this place is lower (NaN where a sound was asked for);
            `title` and `tags`, as the recording says.

        Raises:
            UserError: neither words nor a sound are given, or both; the sound cannot be read; nothing is indexed in the
                folder; or there is no approximate index.
        """
        if bool(words.strip()) == bool(str(like)):
            also = "; what it is not comes on top" if without.strip() else ""
            raise UserError(f"say what to look for: words, or a recording that it sounds like; one of the two{also}")
        if top < 1:
            raise UserError(f"{top} answers cannot be given; ask for 1 or more")
        wanted = self._within(str(folder)) & (self._durations <= longest)
        if words.strip():
            asked = self._system.words([words])[0]
        else:
            file, at = (str(like), None) if Path(like).is_file() else parse_place(str(like))
            if not Path(file).is_file():
                raise UserError(f"{file} is no recording; expected a file, or FILE@SECONDS for a place in it")
            asked = self._system.sound(Path(file), at)
            wanted = wanted & (self._files != os.path.abspath(file))  # noqa: PTH100
        score_of = asked - self._system.words([without])[0] if without.strip() else asked
        windows, vectors = self._answers(score_of, top, wanted, str(folder), approximate=approximate)
        better = np.full(len(windows), np.nan)
        if words.strip():
            better = (vectors @ self._system.unrelated.T < (vectors @ asked)[:, None]).mean(axis=1)
        return self._frame(windows, vectors @ score_of, better)

    def examples(self, count: int = 6) -> list[str]:
        """Captions whose best place they fit better than nearly all others do, of different places."""
        asked = self._system.unrelated[:_TRIED]
        _, index = self._exact_in("")
        best = index.search(asked, 1)[0][:, 0]
        own = np.einsum("ij,ij->i", asked, index.items[best])
        better = (self._system.unrelated @ index.items[best].T < own).mean(axis=0)
        by_place = {int(best[number]): self._system.captions[number] for number in np.argsort(better)}
        return list(by_place.values())[: -count - 1 : -1]

    def _within(self, folder: str) -> NDArray[np.bool_]:
        """Which recordings are in a folder; of an empty name, all."""
        if not folder:
            return np.ones(len(self._files), bool)
        root = os.path.join(os.path.abspath(folder), "")  # noqa: PTH100, PTH118
        within = np.array([file.startswith(root) for file in self._places.files])
        if not within.any():
            raise UserError(f"nothing of {folder} is in this index; it has {self._files[0]}, for example")
        return within

    def _answers(
        self, asked: Array, top: int, wanted: NDArray[np.bool_], folder: str, *, approximate: bool
    ) -> tuple[Numbers, Array]:
        """The windows of the best places and their vectors, from more and more windows until enough are apart."""
        seen = _FIRST * top
        while True:
            windows, vectors = self._approximate(asked, seen) if approximate else self._exact(asked, seen, folder)
            allowed = wanted[self._places.file[windows]]
            windows, vectors = windows[allowed], vectors[allowed]
            kept = self._apart(windows, top)
            if len(kept) == top or seen >= len(self):
                return windows[kept], vectors[kept]
            seen *= _MORE

    def _apart(self, windows: Numbers, top: int) -> list[int]:
        """Which of some windows, best first, overlap none that is better."""
        kept: list[int] = []
        taken: dict[int, list[tuple[float, float]]] = {}
        for number, window in enumerate(windows.tolist()):
            start, end = self._places.start[window], self._places.end[window]
            others = taken.setdefault(int(self._places.file[window]), [])
            if all(end <= its_start or its_end <= start for its_start, its_end in others):
                others.append((start, end))
                kept.append(number)
                if len(kept) == top:
                    break
        return kept

    def _exact(self, asked: Array, count: int, folder: str) -> tuple[Numbers, Array]:
        windows, index = self._exact_in(folder)
        found = index.search(asked[None], count)[0][0]
        return (found if windows is None else windows[found]), index.items[found]

    def _exact_index(self, folder: str) -> tuple[Numbers | None, ExactIndex]:
        """The windows that are in a folder, and the search among them; `None` for all windows."""
        vectors = mapped_vectors(self._table, self._places, progress=self._progress)
        if not folder:
            return None, ExactIndex(vectors)
        windows = np.flatnonzero(self._within(folder)[self._places.file])
        return windows, ExactIndex(vectors[windows])

    def _approximate(self, asked: Array, count: int) -> tuple[Numbers, Array]:
        if (known := measured(self._table)) is None:
            raise UserError("this index has no approximate search; `lbar index … --approximate` builds it")
        rows, vectors = self._table.nearest(asked, count, known[0])
        return self._by_row[np.searchsorted(self._places.row, rows, sorter=self._by_row)], vectors

    def _frame(self, windows: Numbers, scores: Array, better: NDArray[np.float64]) -> "pd.DataFrame":
        import pandas as pd

        places = self._places
        known = places.known.take(windows)
        columns = {
            "file": self._files[places.file[windows]],
            "start": places.start[windows],
            "end": places.end[windows],
            "duration": places.duration[windows],
            "score": scores,
            "better_than": better,
            "title": known["title"].to_pylist(),
            "tags": known["tags"].to_pylist(),
        }
        return pd.DataFrame(columns)


def answers_of(found: "pd.DataFrame") -> list[dict[str, object]]:
    """The answers of a search as plain values, for JSON: what is not a number is `None`."""
    return [
        {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in found.to_dict("records")
    ]


def indexed_systems(address: str | Path) -> list[str]:
    """The systems whose vectors an index has, by what they are built by; none where there is no index."""
    return [table.about.named for table in Database(address).tables()]


def open_index(
    address: str | Path,
    system: str | None = None,
    *,
    device: str = "auto",
    precision: str = "fp32",
    progress: Progress = silent,
) -> SoundIndex:
    """Open an index of sounds, and build the system that answers.

    Args:
        address: the index, as `index_sounds` made it.
        system: which of the systems in it; it may be left out where there is one.
        device: where the system runs.
        precision: `fp32` or `bf16`.
        progress: opened where something is to be prepared for the first search.

    Raises:
        UserError: there is no index, or not of this system, or the system here is another than that which made it.
    """
    tables = Database(address).tables()
    if not tables:
        raise UserError(f"{address} holds no index of sounds; `lbar index DIR --system NAME --out {address}` makes one")
    names = [table.about.named for table in tables]
    if system is None and len(tables) > 1:
        raise UserError(f"{address} has the vectors of {len(tables)} systems; say --system: {', '.join(names)}")
    wanted = names[0] if system is None else spelt(system)
    table = next((one for one in tables if wanted in (one.about.named, one.about.name)), None)
    if table is None:
        raise UserError(f"{address} has no vectors of {system}; {meant(wanted, names)}")
    found = SearchingSystem(table.about.named, device=device, precision=precision, progress=progress)
    if found.about.digest != table.about.digest:
        raise UserError(
            f"{address} was made by {table.about.name} in another state (digest {table.about.digest[:8]}, here "
            f"{found.about.digest[:8]}), whose vectors mean other things; run `lbar index` again"
        )
    if not len(table):
        raise UserError(f"{address} holds no recordings yet; run `lbar index` again")
    return SoundIndex(table, found, progress=progress)
