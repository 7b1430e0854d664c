"""A system's scores of a task, whether or not its relevance is known, and the conditions a record states."""

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from harness.audio import Array
from harness.evaluation.embedding import TaskEmbedder
from harness.evaluation.measuring import Tiles, embedding_tiles, pair_tiles
from harness.evaluation.options import Options
from harness.evaluation.preparing import PreparedTask
from harness.evaluation.spreading.shards import Workers
from harness.evaluation.spreading.spread import machines_on
from harness.interface import System, checked_info, is_pair_scorer, metadata_digest
from harness.machine import Progress, describe_environment, silent, system_code
from harness.measures import RESAMPLES, SEED
from harness.runs import DatasetRecord, MetadataRecord, Seconds, Settings, SystemRecord, WorkersRecord


class Conditions(NamedTuple):
    """What decides a result."""

    system: SystemRecord
    dataset: DatasetRecord
    settings: Settings


def recorded(system: System) -> SystemRecord:
    """What a record says of a system.

    Raises:
        UserError: the system's `info` is not valid.
    """
    return SystemRecord(**asdict(checked_info(system)), code=system_code(system))


def conditions_of(system: SystemRecord, prepared: PreparedTask, options: Options) -> Conditions:
    """What a record says of a system, a prepared task and the settings."""
    task = prepared.task
    return Conditions(
        system=system,
        dataset=DatasetRecord(
            name=task.protocol.dataset,
            split=task.protocol.split,
            digest=task.digest,
            audio_digest=prepared.store.files_digest(task.clips),
            clips=len(task.clips),
            queries=len(task.queries),
            metadata=tuple(
                MetadataRecord(
                    kind=kind,
                    digest=metadata_digest(task.clips, [kind]),
                    without=sum(not getattr(clip, kind) for clip in task.clips),
                )
                for kind in system.uses
            ),
        ),
        settings=Settings(
            device=options.device,
            precision=options.precision,
            batch_size=options.batch_size,
            seed=SEED,
            resamples=RESAMPLES,
        ),
    )


@dataclass(frozen=True, eq=False)
class ScoredTask:
    """A task whose clips and captions are embedded, or whose pairs are scored.

    Attributes:
        conditions: the system, the data and the settings.
        arrays: the embeddings `audio` and `text`, or the scores of all `pairs`.
        tiles: computes the scores anew each time it is called.
        audio_seconds: time to embed the clips; 0 where pairs are scored, since all of that is scoring.
        text_seconds: time to embed the captions; 0 where pairs are scored.
        embedded_at: when scoring began, by `perf_counter`.
        on: the Dask cluster whose workers embedded, `None` where this process did.
    """

    conditions: Conditions
    arrays: Mapping[str, Array]
    tiles: Callable[[], Tiles]
    audio_seconds: float
    text_seconds: float
    embedded_at: float
    on: str | None = None

    def record_fields(self, started: float) -> dict[str, Any]:
        """The fields that records of every kind share; call it when the scores have been used.

        Args:
            started: when the whole evaluation began, by `perf_counter`.
        """
        ended = perf_counter()
        seconds = Seconds(
            embed_audio=self.audio_seconds,
            embed_text=self.text_seconds,
            score=ended - self.embedded_at,
            total=ended - started,
        )
        environment = describe_environment(self.conditions.settings.device)
        command = shlex.join(sys.argv)
        said = {"environment": environment, "seconds": seconds, "command": command, "workers": _workers(self.on)}
        return self.conditions._asdict() | said


def _workers(on: str | None) -> tuple[WorkersRecord, ...]:
    """The machines that embedded, each with its number of workers."""
    machines = Counter(machines_on(on).values())
    return tuple(
        WorkersRecord(**machine._asdict(), workers=workers)
        for machine, workers in sorted(machines.items(), key=lambda one: one[0].host)
    )


def score_task(
    system: System,
    prepared: PreparedTask,
    conditions: Conditions,
    *,
    workers: Workers | None = None,
    progress: Progress = silent,
) -> ScoredTask:
    """Embed the clips and captions of a task, or score its pairs, taking what the cache holds.

    Args:
        system: as it was built for the device and precision of `conditions`.
        prepared: the task, its clips decoded at the system's sampling rate.
        conditions: from `conditions_of`.
        workers: compute in place of this process.
        progress: opened for clips and captions.

    Raises:
        UserError: the system fails or returns something other than finite numbers of the right shape.
    """
    task, settings = prepared.task, conditions.settings
    embedder = TaskEmbedder(settings.device, settings.precision, settings.batch_size, progress, workers)
    on = workers.on if workers else None
    begun = perf_counter()
    if is_pair_scorer(system):
        scores = embedder.pairs(system, prepared)
        return ScoredTask(conditions, {"pairs": scores}, partial(pair_tiles, task, scores), 0.0, 0.0, begun, on)
    audio = embedder.clips(system, prepared)
    audio_done = perf_counter()
    text = embedder.captions(system, task)
    text_done = perf_counter()
    tiles = partial(embedding_tiles, system, task, audio, text)
    return ScoredTask(
        conditions, {"audio": audio, "text": text}, tiles, audio_done - begun, text_done - audio_done, text_done, on
    )
