"""The answers of systems, as documents that a page loads when somebody looks closer."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.machine import open_file, require_undamaged
from leaderboard.report.clips import Material
from leaderboard.report.encoding import coded, packed
from leaderboard.runs import Answers, Row

TOP = 10


class Items:
    """The items of a standing, numbered in the order in which they first occur."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def numbers(self, names: Sequence[str]) -> NDArray[np.int64]:
        """The number of each name; a new name gets the next one."""
        for name in names:
            if name not in self._numbers:
                self._numbers[name] = len(self.names)
                self.names.append(name)
        return np.array([self._numbers[name] for name in names], dtype=np.int64)


def best_items(row: Row, queries: int, items: Items) -> NDArray[np.int64]:
    """The numbers of the ten best items of every query, shape `(queries, 10)`, fewer where there are fewer items.

    Raises:
        UserError: the table is missing, damaged or has another number of rows per query.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = row.folder / "ranking.parquet"
    require_undamaged(path, "evaluate the system again")
    try:
        with open_file(path) as file:
            table = pq.ParquetFile(file, read_dictionary=["item"]).read(columns=["item"], use_threads=False)
        table.validate(full=True)
        column = table["item"].combine_chunks()
    except Exception as error:  # A damaged file can fail in any way.
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(column.type) or not pa.types.is_string(column.type.value_type) or column.null_count:
        raise UserError(f"{path}: column item holds other things than names")
    kept, rest = divmod(len(column), queries)
    if rest or not kept:
        raise UserError(f"{path} has {len(column)} rows, which is not the same number for each of {queries} queries")
    number_of = items.numbers(column.dictionary.to_pylist())
    best: NDArray[np.int64] = number_of[column.indices.to_numpy().reshape(queries, kept)[:, :TOP]]
    return best


def run_document(answers: Answers, run: int, best: NDArray[np.int64] | None) -> dict[str, object]:
    """The answers of one system: its measures, ranks and best items for every query."""
    pessimistic, optimistic = answers.ranks[:, :, run]
    return {
        "measures": {name: coded(answers.values[index, :, run]) for index, name in enumerate(answers.measures)},
        "rank": packed(pessimistic),
        "optimistic": None if np.array_equal(pessimistic, optimistic) else packed(optimistic),
        "best": None if best is None else packed(best.ravel()),
        "kept": 0 if best is None else best.shape[1],
    }


def queries_document(
    answers: Answers, material: Material, items: Items, bests: Sequence[NDArray[np.int64]], site: Path
) -> dict[str, object]:
    """The queries, and all that is known of the clips behind them."""
    right = [items.numbers(names).tolist() for names in material.relevant]
    if not right:
        right = [[number] for number in items.numbers(answers.clips).tolist()]
    names = dict.fromkeys(answers.clips)
    return {
        "texts": list(answers.queries),
        "clusters": packed(answers.clusters),
        "clips": list(names),
        "clip": packed(np.array(_positions(answers.clips))),
        "right": right,
        "also": {str(query): items.numbers(clips).tolist() for query, clips in material.also_true.items()},
        "items": items.names,
        "audio": {name: _address(path, site) for name, path in material.audio.items()},
        "seconds": material.seconds,
        "events": material.events,
        "whyNot": material.why_not,
        "sameAudio": [list(group) for group in material.same_audio],
        "sameText": _same_text(answers),
        "suspects": _suspects(right, bests),
    }


def _positions(clips: Sequence[str]) -> list[int]:
    place: dict[str, int] = {}
    return [place.setdefault(clip, len(place)) for clip in clips]


def _address(path: Path, site: Path) -> str:
    """The path of the audio relative to the site, so that both may be moved together."""
    try:
        return quote(os.path.relpath(path.resolve(), site.resolve()).replace(os.sep, "/"))
    except ValueError:
        # A file on another drive has no relative path.
        return path.resolve().as_uri()


def _same_text(answers: Answers) -> list[list[int]]:
    """Groups of queries that have the same words but were written for different clips."""
    by_text: dict[str, list[int]] = defaultdict(list)
    for query, text in enumerate(answers.queries):
        by_text[" ".join(text.casefold().split())].append(query)
    return [group for group in by_text.values() if len({answers.clips[query] for query in group}) > 1]


def _suspects(right: Sequence[Sequence[int]], bests: Sequence[NDArray[np.int64]]) -> list[list[int]]:
    """Queries for which most systems rank one wrong item first: query, item, number of systems; most systems first."""
    if len(bests) < 2:
        return []
    found = []
    for query, firsts in enumerate(np.stack([best[:, 0] for best in bests], axis=1).tolist()):
        item, votes = Counter(firsts).most_common(1)[0]
        if votes >= 2 and 2 * votes > len(firsts) and item not in right[query]:
            found.append([query, item, votes])
    return sorted(found, key=lambda one: -one[2])
