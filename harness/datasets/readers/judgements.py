"""Files with queries to ask, and files that say how relevant clips are to queries."""

import json
from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from harness.datasets.clip_names import title
from harness.datasets.csv_file import MOST_KEPT_BYTES, refuse
from harness.datasets.dataset import Query, RetrievalDataset
from harness.datasets.readers.captions_csv import CsvTable, read_csv
from harness.errors import UserError
from harness.machine import read_bounded

_TAU = ("tid", "fid", "rating")


class Judged(NamedTuple):
    """What a file says of queries and clips.

    Attributes:
        asked: indices into the data set's queries, in the order in which the file first has them.
        gains: for each, how relevant a clip is, by its index.
    """

    asked: list[int]
    gains: list[dict[int, float]]


def placed_file(dataset: RetrievalDataset, name: str) -> Path:
    """Where a file that belongs to a data set lies: beside its captions, or in one of the two folders above.

    Raises:
        UserError: it is in none of these.
    """
    places = [dataset.root / name, *(folder / name for folder in dataset.root.resolve().parents[:2])]
    for path in places:
        if path.is_file():
            return path
    raise UserError(
        f"{name} is neither in {dataset.root} nor in one of the two folders above, and the protocol needs it"
    )


def with_queries(dataset: RetrievalDataset, path: Path) -> RetrievalDataset:
    """The same clips under other queries, each of which was written for one of them.

    The file is a CSV with the columns `query,file_name`, or JSON Lines (`*.jsonl`) with the fields `generated_query`
    and `audio_id`, as the user-intent queries of arXiv 2604.18360 have them.

    Raises:
        UserError: the file cannot be read, or names clips that the data set does not have; all problems are listed.
    """
    if path.suffix == ".jsonl":
        rows = list(_intents(path))
    else:
        table = read_csv(path)
        rows = list(zip(table.lines, table.column("query"), table.column("file_name"), strict=True))
    place = _Places(dataset)
    problems = [] if rows else ["it has no query"]
    queries = []
    for line, text, name in rows:
        clip = place.of(name)
        if not text.strip():
            problems.append(f"line {line}: the query is empty")
        if clip is None:
            problems.append(f"line {line}: {name!r} is no clip of {dataset.name} {dataset.split}")
        else:
            queries.append(Query(text, clip))
    refuse(path, problems, f"not queries for {dataset.name} {dataset.split}")
    return replace(dataset, queries=tuple(queries))


def read_judgements(path: Path, dataset: RetrievalDataset) -> Judged:
    """Read how relevant clips are to the queries of a data set.

    A relevance below 0 says that the query excludes the clip, as "rain but no thunder" does one with thunder.

    The file is a CSV with the columns `query,file_name,relevance`, or that of the TAU graded relevances (`tid,fid,
    rating`), beside which the texts (`*_text.csv`) and the names of the clips (`*_audio_metadata.csv`) lie.

    Raises:
        UserError: something is wrong with the file, or it names what the data set does not have; all problems are
            listed.
    """
    table = read_csv(path)
    rows = _tau_rows(path, table) if set(_TAU) <= set(table.header) else _plain_rows(table)
    # Of queries that read the same the first is asked.
    query_of = {query.text: index for index, query in reversed(list(enumerate(dataset.queries)))}
    place = _Places(dataset)
    gains: dict[int, dict[int, float]] = {}
    problems = []
    for line, text, name, cell in rows:
        query, clip = query_of.get(text), place.of(name)
        gain = _gain(cell)
        if query is None:
            problems.append(f"line {line}: {text!r} is no query of {dataset.name} {dataset.split}, to the letter")
        if clip is None:
            problems.append(f"line {line}: {name!r} is no clip of {dataset.name} {dataset.split}")
        if gain is None:
            problems.append(f"line {line}: the relevance is {cell!r}; expected a number")
        if query is None or clip is None or gain is None:
            continue
        if clip in gains.setdefault(query, {}):
            problems.append(f"line {line}: {name!r} is judged twice for {text!r}")
        gains[query][clip] = gain
    problems += [
        f"no clip is relevant to {dataset.queries[query].text!r}" for query in gains if max(gains[query].values()) <= 0
    ]
    refuse(path, problems, f"not relevances of {dataset.name} {dataset.split}")
    return Judged(list(gains), list(gains.values()))


class _Places:
    """Clips by their name, by the name without its ending, with or without a Y before it, or by the bare title."""

    def __init__(self, dataset: RetrievalDataset) -> None:
        self._exact = {clip.name: index for index, clip in enumerate(dataset.clips)}
        self._bare: dict[str, int] = {}
        self._titles: dict[str, int] = {}
        for name, index in self._exact.items():
            self._bare.setdefault(name.rpartition(".")[0].removeprefix("Y"), index)
            self._titles.setdefault(title(name), index)

    def of(self, name: str) -> int | None:
        """The index of the clip that is meant by a name; `None` where there is none."""
        bare = name.rpartition(".")[0] if name.endswith((".wav", ".flac", ".mp3")) else name
        for known, spelt in ((self._exact, name), (self._bare, bare.removeprefix("Y")), (self._titles, title(name))):
            if spelt in known:
                return known[spelt]
        return None


def _plain_rows(table: CsvTable) -> Iterator[tuple[int, str, str, str]]:
    columns = (table.column(name) for name in ("query", "file_name", "relevance"))
    yield from zip(table.lines, *columns, strict=True)


def _tau_rows(path: Path, table: CsvTable) -> Iterator[tuple[int, str, str, str]]:
    """The rows with the texts and names that their identifiers stand for."""
    from harness.datasets.readers.metadata_csv import read_metadata

    split = path.name.removesuffix("_relevances.csv")
    texts = read_csv(path.with_name(f"{split}_text.csv"))
    text_of = dict(zip(texts.column("tid"), texts.column("text"), strict=True))
    names = read_metadata(path.with_name(f"{split}_audio_metadata.csv"), ["fid", "file_name"])
    name_of = {row[0]: row[1] for row in names}
    for line, *cells in zip(table.lines, *map(table.column, _TAU), strict=True):
        text, clip, rating = cells
        yield line, text_of.get(text, text), name_of.get(clip, clip), rating


def _gain(cell: str) -> float | None:
    try:
        gain = float(cell)
    except ValueError:
        return None
    return gain if isfinite(gain) else None


def _intents(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, query and name of the clip of each JSON object."""
    try:
        text = read_bounded(path, MOST_KEPT_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            fields = json.loads(written)
            yield line, str(fields["generated_query"]), str(fields["audio_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: line {line} is no query ({type(error).__name__}: {error}); expected a JSON object with "
                "generated_query and audio_id"
            ) from None
