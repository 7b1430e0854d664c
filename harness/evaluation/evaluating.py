"""Evaluate one system under one protocol: embed once, rank exactly, write everything down."""

import shlex
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from harness.evaluation.embedding import TaskEmbedder
from harness.evaluation.measuring import Measurement, embedding_tiles, measure, pair_tiles
from harness.evaluation.preparing import PreparedTask, prepare
from harness.interface import System, checked_info, is_pair_scorer
from harness.machine import Progress, describe_environment, silent, system_code
from harness.measures import RESAMPLES, SEED, parse_measure
from harness.predictions import Format, has_predictions, write_predictions
from harness.protocols import Protocol, RetrievalTask
from harness.runs import (
    DatasetRecord,
    EvaluationRecord,
    ProtocolRecord,
    Seconds,
    Settings,
    SystemRecord,
    find_finished,
    read_record,
    write_run,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to run an evaluation; nothing here may change a result but `precision` and `skip_broken`.

    Attributes:
        data_root: folder with the data sets.
        out: folder that receives the run folder.
        device: what the system was built for, in torch's words, or `own` where it chooses for itself.
        precision: what the system was built for.
        batch_size: clips or captions at once; `None` finds one that fits.
        skip_broken: evaluate without broken clips; the record says so and is not comparable.
        keep_embeddings: store the embeddings in the run folder.
        again: evaluate even where a finished run of the same is there.
        predictions: format of the predictions file; `None` is that of the protocol.
    """

    data_root: Path = Path("data")
    out: Path = Path("runs")
    device: str = "own"
    precision: str = "fp32"
    batch_size: int | None = None
    skip_broken: bool = False
    keep_embeddings: bool = False
    again: bool = False
    predictions: Format | None = None


class Run(NamedTuple):
    """A finished evaluation: where it lies, what it says, and whether it was there before."""

    folder: Path
    record: EvaluationRecord
    reused: bool


def evaluate(system: System, protocol: Protocol, options: Options = Options(), *, progress: Progress = silent) -> Run:
    """Evaluate a system and write its run folder.

    Args:
        system: as it was built for `options.device` and `options.precision`.
        protocol: the rules; `harness.get_protocol` knows them by name.
        options: where things are and go.
        progress: opened for every stage.

    Raises:
        UserError: data is missing or broken (all broken clips listed), the system misbehaves, or the disk refuses.
    """
    rate = checked_info(system).sample_rate
    prepared = prepare(protocol, options.data_root, rate, skip_broken=options.skip_broken, progress=progress)
    return evaluate_prepared(system, prepared, options, progress=progress)


def evaluate_prepared(system: System, prepared: PreparedTask, options: Options, *, progress: Progress = silent) -> Run:
    """Evaluate a system on a task that is prepared at its sampling rate, and write its run folder.

    What was embedded before (by an interrupted evaluation, or under another protocol on the same clips) is taken from
    the cache, and a finished run of exactly this evaluation is returned as it is.
    """
    started = perf_counter()
    task = prepared.task
    about_system = SystemRecord(**asdict(checked_info(system)), code=system_code(system))
    about_dataset = DatasetRecord(
        name=task.protocol.dataset,
        split=task.protocol.split,
        digest=task.digest,
        audio_digest=prepared.store.files_digest(task.clips),
        clips=len(task.clips),
        queries=len(task.queries),
    )
    settings = Settings(
        device=options.device,
        precision=options.precision,
        batch_size=options.batch_size,
        seed=SEED,
        resamples=RESAMPLES,
    )
    if not options.again and prepared.comparable:
        finished = find_finished(options.out, about_system, task.protocol.digest, about_dataset, settings)
        if finished is not None and _has_all(finished, options):
            return Run(finished, read_record(finished), reused=True)

    embedder = TaskEmbedder(options.device, options.precision, options.batch_size, progress)
    begun = heard = read = perf_counter()
    if is_pair_scorer(system):
        scores = embedder.pairs(system, prepared)
        embeddings = {"pairs": scores}
        tiles = partial(pair_tiles, task, scores)
    else:
        audio = embedder.clips(system, prepared)
        heard = perf_counter()
        text = embedder.captions(system, task)
        read = perf_counter()
        embeddings = {"audio": audio, "text": text}
        tiles = partial(embedding_tiles, system, task, audio, text)
    measured = measure(task, tiles(), progress=progress)
    ended = perf_counter()
    record = EvaluationRecord(
        protocol=ProtocolRecord.model_validate(task.protocol),
        system=about_system,
        dataset=about_dataset,
        measures=measured.measures,
        tied_fraction=measured.ranks.tied_fraction,
        skipped=prepared.skipped,
        comparable=prepared.comparable,
        reasons=prepared.reasons,
        environment=describe_environment(options.device),
        settings=settings,
        seconds=Seconds(embed_audio=heard - begun, embed_text=read - heard, score=ended - read, total=ended - started),
        command=shlex.join(sys.argv),
    )
    folder = write_run(
        options.out,
        record,
        per_query=_per_query(task, measured),
        ranking=_ranking(task, measured),
        embeddings=embeddings if options.keep_embeddings else None,
        write_more=lambda folder: write_predictions(
            folder, system.info.name, task, measured.best, tiles(), options.predictions
        ),
    )
    return Run(folder, record, reused=False)


def _has_all(finished: Path, options: Options) -> bool:
    """Whether a run folder has all files that are asked for."""
    if options.keep_embeddings and not (finished / "embeddings").is_dir():
        return False
    return options.predictions is None or has_predictions(finished, options.predictions)


def _per_query(task: RetrievalTask, measured: Measurement) -> dict[str, Any]:
    first = measured.ranks.offsets[:-1]
    columns: dict[str, Any] = {
        "query": np.arange(len(task.queries)),
        "text": list(task.queries),
        "clip": list(task.sources),
        "rank_pessimistic": measured.ranks.pessimistic[first],
        "rank_optimistic": measured.ranks.optimistic[first],
    }
    return columns | {name: parse_measure(name)(measured.ranks) for name in task.protocol.measures}


def _ranking(task: RetrievalTask, measured: Measurement) -> dict[str, Any]:
    queries, kept = measured.best.shape
    items = np.array(task.items, dtype=object)
    return {
        "query": np.repeat(np.arange(queries), kept),
        "rank": np.tile(np.arange(1, kept + 1), queries),
        "item": items[measured.best.ravel()],
        "score": measured.best_scores.ravel(),
    }
