"""What a system says of a hidden evaluation set: queries and clips without ground truth."""

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from harness.audio import Array, Clip, PcmStore
from harness.datasets import read_rows
from harness.errors import UserError
from harness.evaluation.embedding import TaskEmbedder
from harness.evaluation.evaluating import Options
from harness.evaluation.measuring import embedding_tiles, pair_tiles
from harness.evaluation.preparing import PreparedTask, broken_clips
from harness.interface import System, checked_info, is_pair_scorer
from harness.machine import Progress, describe_environment, silent, system_code
from harness.measures import RESAMPLES, SEED, top_k
from harness.predictions import DEPTH, write_predictions
from harness.protocols import Protocol, Relevance, RetrievalTask
from harness.runs import DatasetRecord, PredictionRecord, Seconds, Settings, SystemRecord, write_folder

RECORD = "prediction.json"
SCORES = "scores.npy"
"""Float32, `(queries, clips)`, in the record's order."""

_HIDDEN = "hidden"


class Prediction(NamedTuple):
    """A finished prediction: where it lies, and what it says."""

    folder: Path
    record: PredictionRecord


def hidden_task(queries: Path, audio: Path) -> RetrievalTask:
    """The captions of a CSV and the recordings of a folder as a task of which no answer is known.

    Raises:
        UserError: one of them cannot be read, or holds nothing.
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
        options: where things are and go; `predictions` is the format of the predictions file.
        progress: opened for every stage.

    Raises:
        UserError: clips are broken (all of them are listed), the system misbehaves, or the disk refuses.
    """
    started = perf_counter()
    info = checked_info(system)
    store = PcmStore.of(task.protocol.dataset, info.sample_rate)
    if broken := store.ensure(task.clips, progress=progress):
        raise broken_clips(broken, len(task.clips), "mend them; all clips of a hidden set are to be ranked")
    prepared = PreparedTask(task, store)
    embedder = TaskEmbedder(options.device, options.precision, options.batch_size, progress)
    begun = heard = read = perf_counter()
    if is_pair_scorer(system):
        tiles = pair_tiles(task, embedder.pairs(system, prepared))
    else:
        audio = embedder.clips(system, prepared)
        heard = perf_counter()
        text = embedder.captions(system, task)
        read = perf_counter()
        tiles = embedding_tiles(system, task, audio, text)
    scores = np.empty((len(task.queries), len(task.items)), np.float32)
    best = np.empty((len(task.queries), min(DEPTH, len(task.items))), np.int64)
    for rows, tile in tiles:
        scores[rows] = tile
        best[rows] = top_k(tile, DEPTH)[0]
    ended = perf_counter()
    record = PredictionRecord(
        system=SystemRecord(**asdict(info), code=system_code(system)),
        dataset=DatasetRecord(
            name=task.protocol.dataset,
            split=task.protocol.split,
            digest=task.digest,
            audio_digest=store.files_digest(task.clips),
            clips=len(task.clips),
            queries=len(task.queries),
        ),
        queries=task.queries,
        clips=task.items,
        environment=describe_environment(options.device),
        settings=Settings(
            device=options.device,
            precision=options.precision,
            batch_size=options.batch_size,
            seed=SEED,
            resamples=RESAMPLES,
        ),
        seconds=Seconds(embed_audio=heard - begun, embed_text=read - heard, score=ended - read, total=ended - started),
        command=shlex.join(sys.argv),
    )

    def write(folder: Path) -> None:
        np.save(folder / SCORES, scores)
        write_predictions(folder, info.name, task, best, _whole(scores), options.predictions)
        (folder / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")

    return Prediction(write_folder(options.out, record.id, write, record.created, info.name, _HIDDEN), record)


def read_prediction(folder: Path) -> PredictionRecord:
    """Read the record of a prediction's folder.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / RECORD
    try:
        return PredictionRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    except ValidationError as error:
        raise UserError(f"{path} is damaged: {error.errors()[0]['msg']}; make the prediction again") from error


def read_scores(folder: Path, record: PredictionRecord) -> Array:
    """The scores of a prediction, `(queries, clips)`, as a memory map.

    Raises:
        UserError: they are not there, or not those of the record.
    """
    path = folder / SCORES
    try:
        scores: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {path}: {error}; make the prediction again") from error
    if scores.shape != (len(record.queries), len(record.clips)) or scores.dtype != np.float32:
        raise UserError(f"{path} has {scores.dtype} scores of shape {scores.shape}, which are not the record's")
    return scores


def _whole(scores: Array) -> Iterator[tuple[slice, Array]]:
    yield slice(0, len(scores)), scores


def read_queries(path: Path) -> tuple[str, ...]:
    """The captions of a CSV, verbatim, from its column `caption`.

    Raises:
        UserError: it cannot be read, has no such column, or an empty caption.
    """
    rows = read_rows(path)
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
    """The recordings in a folder, by name; hidden files are none.

    Raises:
        UserError: it is no folder, or has no recordings.
    """
    from harness.datasets import AUDIO_SUFFIXES

    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError as error:
        raise UserError(f"{folder} is no folder of recordings: {error.strerror or error}") from error
    found = [name for name in names if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith(".")]
    if not found:
        raise UserError(f"{folder} holds no recordings ({', '.join(sorted(AUDIO_SUFFIXES))})")
    return [folder / name for name in found]
