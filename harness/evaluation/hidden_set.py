"""A hidden evaluation set: queries and clips whose relevance is not known, and a system's predictions for it."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from harness.audio import Array, Clip, PcmStore
from harness.datasets import MOST_KEPT_BYTES, SEPARATORS, read_rows
from harness.errors import UserError, listing, one_line
from harness.evaluation.options import Options
from harness.evaluation.preparing import PreparedTask, broken_clips
from harness.evaluation.scoring import conditions_of, recorded, score_task
from harness.interface import System, checked_info
from harness.machine import Progress, open_file, require_undamaged, silent
from harness.measures import top_k
from harness.predictions import DEPTH, write_predictions
from harness.protocols import Protocol, Relevance, RetrievalTask
from harness.runs import PredictionRecord, write_folder

SCORES = "scores.npy"
"""Float32, `(queries, clips)`, in the record's order."""

_HIDDEN = "hidden"


class Prediction(NamedTuple):
    """A finished prediction: its folder and its record."""

    folder: Path
    record: PredictionRecord


def hidden_task(queries: Path, audio: Path) -> RetrievalTask:
    """The captions of a CSV file and the recordings of a folder as a task without relevance.

    Raises:
        UserError: one of them cannot be read, or is empty.
    """
    captions = read_queries(queries)
    clips = tuple(Clip(path.name, path) for path in audio_files(audio))
    nothing = Relevance(np.zeros(len(captions) + 1, np.int64), np.empty(0, np.int64))
    return RetrievalTask(Protocol(_HIDDEN, "folder", _HIDDEN), clips, captions, nothing, captions)


def predict(system: System, task: RetrievalTask, options: Options, *, progress: Progress = silent) -> Prediction:
    """Score every clip for every query, and write a folder with the predictions file and all scores.

    Args:
        system: as it was built for `options.device` and `options.precision`.
        task: from `hidden_task`.
        options: how to run it, where the folder goes, and the format of the predictions file.
        progress: opened for every stage.

    Raises:
        UserError: clips are broken (all of them are listed), the system fails or returns something invalid, or the
            folder cannot be written.
    """
    started = perf_counter()
    store = PcmStore.of(task.protocol.dataset, checked_info(system).sample_rate)
    if broken := store.ensure(task.clips, progress=progress):
        raise broken_clips(broken, len(task.clips), "mend them; all clips of a hidden set are to be ranked")
    prepared = PreparedTask(task, store)
    conditions = conditions_of(recorded(system), prepared, options)
    scored = score_task(system, prepared, conditions, workers=options.workers, progress=progress)
    scores = np.empty((len(task.queries), len(task.items)), np.float32)
    best = np.empty((len(task.queries), min(DEPTH, len(task.items))), np.int64)
    for rows, tile in scored.tiles():
        scores[rows] = tile
        best[rows] = top_k(tile, DEPTH)[0]
    record = PredictionRecord(
        **scored.record_fields(started), queries=task.queries, clips=task.items, remarked=prepared.remarked
    )

    def write(folder: Path) -> None:
        np.save(folder / SCORES, scores)
        whole = iter([(slice(0, len(scores)), scores)])
        write_predictions(folder, record.system.name, task, best, whole, options.predictions)

    return Prediction(write_folder(options.out, record, write), record)


def read_scores(folder: Path, record: PredictionRecord) -> Array:
    """The scores of a prediction, `(queries, clips)`, as a memory map.

    Raises:
        UserError: the file is missing, damaged, or does not fit the record.
    """
    path = folder / SCORES
    require_undamaged(path, "make the prediction again")
    try:
        open_file(path).close()
        scores: Array = np.lib.format.open_memmap(path, mode="r")
    # A damaged header can fail in any way.
    except Exception as error:
        raise UserError(f"cannot read {path}: {one_line(error)}; make the prediction again") from error
    if scores.shape != (len(record.queries), len(record.clips)) or scores.dtype != np.float32:
        raise UserError(f"{path} has {scores.dtype} scores of shape {scores.shape}, which are not the record's")
    return scores


def read_queries(path: Path) -> tuple[str, ...]:
    """The captions of a CSV file, verbatim, from its column `caption`.

    Raises:
        UserError: it cannot be read, has no such column, or an empty caption.
    """
    rows = read_rows(path, separators=SEPARATORS, most_bytes=MOST_KEPT_BYTES)
    _, header = next(rows, (1, []))
    if "caption" not in header:
        raise UserError(f"{path}: the header is {','.join(header)[:80]!r}; expected a column caption with the queries")
    column = header.index("caption")
    found = []
    for line, cells in rows:
        if len(cells) != len(header) or not cells[column]:
            raise UserError(
                f"{path}: line {line}: no caption, or a comma outside of quotes; expected {header} in each row"
            )
        found.append(cells[column])
    if not found:
        raise UserError(f"{path}: there is no row below the header; expected a caption per row")
    return tuple(found)


def audio_files(folder: Path) -> list[Path]:
    """The recordings in a folder and in the folders in it, by name; what begins with a dot is left out.

    Raises:
        UserError: it is not a folder, has no recordings, or has two of one name, of which an output could mean either.
    """
    from harness.datasets import AUDIO_SUFFIXES

    recordings = recordings_below(folder)
    found = {path.name: path for path in reversed(recordings)}
    twice = [f"{found[path.name]} and {path}" for path in recordings if found[path.name] != path]
    if twice:
        raise listing(f"{folder} has recordings of one name, of which outputs could mean either; leave one", twice)
    if not found:
        raise UserError(f"{folder} holds no recordings ({', '.join(sorted(AUDIO_SUFFIXES))})")
    return [found[name] for name in sorted(found)]


def recordings_below(folder: Path, lost: Callable[[Path, OSError], object] | None = None) -> list[Path]:
    """The recordings in a folder and in the folders in it, as `audio_files` gives them, but of any names.

    Args:
        folder: with recordings.
        lost: called with what cannot be looked at, and why; `None` makes it an error.

    Raises:
        UserError: it is not a folder.
    """
    from harness.datasets import AUDIO_SUFFIXES

    try:
        return [path for path in _files_below(folder, lost or _refuse) if path.suffix.lower() in AUDIO_SUFFIXES]
    except OSError as error:
        raise UserError(f"{folder} is not a folder of recordings: {error.strerror or error}") from error


def from_folders_within(folder: Path, recordings: Iterable[Path]) -> str:
    """A line that says which recordings lie in folders within, where some do; else an empty one."""
    places = Counter(path.parent.relative_to(folder).as_posix() for path in recordings)
    places.pop(".", None)
    if not places:
        return ""
    named = ", ".join(f"{name} ({count:,})" for name, count in sorted(places.items())[:5])
    others = f" and {len(places) - 5:,} more" if len(places) > 5 else ""
    return f"{folder}: recordings in folders within it are taken too: {named}{others}"


def _files_below(
    folder: Path, lost: Callable[[Path, OSError], object], seen: frozenset[Path] = frozenset()
) -> Iterator[Path]:
    """Files first, then those of each folder within; a link that leads back is passed over."""
    try:
        entries = sorted((one for one in os.scandir(folder) if not one.name.startswith((".", "__MACOSX"))), key=_name)
    except OSError as error:
        lost(folder, error)
        return
    seen |= {folder.resolve()}
    folders = []
    for entry in entries:
        try:
            if entry.is_file():
                yield folder / entry.name
            elif entry.is_dir() and Path(entry.path).resolve() not in seen:
                folders.append(folder / entry.name)
        except OSError as error:
            lost(folder / entry.name, error)
    for within in folders:
        yield from _files_below(within, lost, seen)


def _refuse(_path: Path, error: OSError) -> None:
    raise error


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name
