"""Evaluate one system under one protocol: embed once, rank exactly, write everything down."""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness import datasets
from harness.cache import cache_root
from harness.code_digest import code_digest
from harness.environment import describe_environment
from harness.errors import UserError
from harness.measures import parse_measure
from harness.pcm_store import PcmStore
from harness.progress import Progress, silent
from harness.protocols import Protocol
from harness.ranking import Ranks, rank_tiles, top_k
from harness.records import (
    DatasetRecord,
    EvaluationRecord,
    MeasureRecord,
    ProtocolRecord,
    Seconds,
    Settings,
    SkippedClip,
    SystemRecord,
)
from harness.run_folder import find_finished, read_record, write_run
from harness.scoring import score_tiles
from harness.submission.predictions import write_predictions
from harness.summary import summarise
from harness.system import Array, RetrievalSystem
from harness.task import RetrievalTask, pose
from harness.task_embedding import TaskEmbedder

KEPT_RANKS = 100
"""How many of the best items of every query go into `ranking.parquet`."""

SEED = 0
RESAMPLES = 10_000
"""Of the intervals."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run an evaluation; nothing here may change a result but `precision` and `skip_broken`.

    Attributes:
        data_root: folder with the data sets.
        out: folder that receives the run folder.
        device: as the system was built for, in torch's words.
        precision: as the system was built for.
        batch_size: clips or captions at once; `None` finds one that fits.
        skip_broken: evaluate without broken clips; the record says so and is not comparable.
        keep_embeddings: store the embeddings in the run folder.
        again: evaluate even where a finished run of the same is there.
    """

    data_root: Path = Path("data")
    out: Path = Path("runs")
    device: str = "cpu"
    precision: str = "fp32"
    batch_size: int | None = None
    skip_broken: bool = False
    keep_embeddings: bool = False
    again: bool = False


class Run(NamedTuple):
    """A finished evaluation: where it lies, what it says, and whether it was there before."""

    folder: Path
    record: EvaluationRecord
    reused: bool


def evaluate(
    system: RetrievalSystem, protocol: Protocol, options: Options = Options(), *, progress: Progress = silent
) -> Run:
    """Evaluate a system and write its run folder.

    What was embedded before (an interrupted evaluation, another protocol on the same clips) is taken from the cache,
    and a finished run of exactly this evaluation is returned as it is.

    Args:
        system: built for `options.device` and `options.precision`.
        protocol: the rules; `harness.get_protocol` knows them by name.
        options: where things are and go.
        progress: opened for every stage.

    Raises:
        UserError: data is missing or broken (all broken clips listed), the system misbehaves, or the disk refuses.
    """
    started = perf_counter()
    task = pose(protocol, datasets.load(protocol.dataset, protocol.split, options.data_root, progress=progress))
    store = PcmStore(cache_root() / "pcm" / protocol.dataset, system.info.sample_rate)
    task, skipped = _decode(task, store, options, progress)
    audio_digest = store.digest(task.clips)
    system_record = SystemRecord(**asdict(system.info), code=code_digest(type(system).__module__))
    dataset_record = DatasetRecord(
        name=protocol.dataset,
        split=protocol.split,
        digest=task.digest,
        audio_digest=audio_digest,
        clips=len(task.clips),
        queries=len(task.queries),
    )
    if not options.again:
        finished = find_finished(options.out, system_record, protocol.digest, dataset_record, options.precision)
        if finished is not None:
            return Run(finished, read_record(finished), reused=True)

    embedder = TaskEmbedder(system, options.device, options.precision, options.batch_size, progress)
    embedding = perf_counter()
    audio = embedder.clips(task, store, audio_digest)
    embedded_audio = perf_counter()
    text = embedder.captions(task)
    embedded_text = perf_counter()
    ranks, best, best_scores = _rank(system, task, audio, text, progress)
    measures = [parse_measure(name) for name in protocol.measures]
    measured = summarise(ranks, measures, task.clusters, seed=SEED, resamples=RESAMPLES)
    scored = perf_counter()
    record = EvaluationRecord(
        protocol=ProtocolRecord.model_validate(protocol),
        system=system_record,
        dataset=dataset_record,
        measures=tuple(MeasureRecord.model_validate(value) for value in measured),
        tied_fraction=ranks.tied_fraction,
        skipped=skipped,
        comparable=not skipped,
        reasons=(f"{len(skipped)} broken clips were left out",) if skipped else (),
        environment=describe_environment(options.device),
        settings=Settings(
            device=options.device,
            precision=options.precision,
            batch_size=options.batch_size,
            seed=SEED,
            resamples=RESAMPLES,
        ),
        seconds=Seconds(
            embed_audio=embedded_audio - embedding,
            embed_text=embedded_text - embedded_audio,
            score=scored - embedded_text,
            total=scored - started,
        ),
        command=shlex.join(sys.argv),
    )
    folder = write_run(
        options.out,
        record,
        per_query=_per_query(task, ranks),
        ranking=_ranking(task, best, best_scores),
        embeddings={"audio": audio, "text": text} if options.keep_embeddings else None,
        write_more=lambda folder: write_predictions(
            folder, system.info.name, task, best, _tiles(system, task, audio, text)
        ),
    )
    return Run(folder, record, reused=False)


def _decode(
    task: RetrievalTask, store: PcmStore, options: Options, progress: Progress
) -> tuple[RetrievalTask, tuple[SkippedClip, ...]]:
    """Have every clip of the task decoded; leave the broken ones out where the user wants that."""
    broken = store.ensure(task.clips, on_progress=progress("decode", len(task.clips)))
    if not broken:
        return task, ()
    if not options.skip_broken:
        raise UserError(
            f"{len(broken)} of {len(task.clips)} clips are broken or missing; mend them, or evaluate without them by "
            "--skip-broken (such a result is not comparable)",
            [str(error) for _, error in broken],
        )
    names = {clip.name for clip, _ in broken}
    kept = task.without([index for index, clip in enumerate(task.clips) if clip.name in names])
    return kept, tuple(SkippedClip(clip=clip.name, reason=str(error)) for clip, error in broken)


def _tiles(
    system: RetrievalSystem, task: RetrievalTask, audio: Array, text: Array
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    score = getattr(system, "score", None)
    if task.protocol.direction == "text-to-audio":
        return score_tiles(text, audio, score)
    return score_tiles(audio, text, score and (lambda clips, captions: score(captions, clips).T))


def _rank(
    system: RetrievalSystem, task: RetrievalTask, audio: Array, text: Array, progress: Progress
) -> tuple[Ranks, NDArray[np.int64], Array]:
    """Exact ranks, and the best items of every query with their scores, in one pass over the scores."""
    kept = min(KEPT_RANKS, len(task.items))
    best = np.empty((len(task.queries), kept), np.int64)
    best_scores = np.empty((len(task.queries), kept), np.float32)
    advance = progress("rank", len(task.queries))

    def keep_best() -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for rows, scores in _tiles(system, task, audio, text):
            best[rows], best_scores[rows] = top_k(scores, kept)
            yield rows, scores
            advance(len(scores))

    return rank_tiles(keep_best(), task.relevance), best, best_scores


def _per_query(task: RetrievalTask, ranks: Ranks) -> dict[str, Any]:
    first = ranks.offsets[:-1]
    columns: dict[str, Any] = {
        "query": np.arange(len(task.queries)),
        "text": list(task.queries),
        "clip": list(task.sources),
        "rank_pessimistic": ranks.pessimistic[first],
        "rank_optimistic": ranks.optimistic[first],
    }
    return columns | {name: parse_measure(name)(ranks) for name in task.protocol.measures}


def _ranking(task: RetrievalTask, best: NDArray[np.int64], scores: Array) -> dict[str, Any]:
    queries, kept = best.shape
    items = np.array(task.items, dtype=object)
    return {
        "query": np.repeat(np.arange(queries), kept),
        "rank": np.tile(np.arange(1, kept + 1), queries),
        "item": items[best.ravel()],
        "score": scores.ravel(),
    }
