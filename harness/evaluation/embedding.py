"""Embed a task: each clip and each distinct caption once, and keep the embeddings where that is safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.audio import Array, Clip, PcmStore
from harness.evaluation.batches import FIRST_BATCH, EmbeddingJob, embed_in_batches
from harness.evaluation.kept_rows import KeptRows, Rows
from harness.evaluation.preparing import PreparedTask, reader
from harness.evaluation.shared_rows import shared_rows
from harness.evaluation.unfinished_rows import unfinished_rows
from harness.interface import (
    Metadata,
    PairScorer,
    RetrievalSystem,
    System,
    checked_scores,
    embed_described,
    metadata_digest,
    metadata_of,
    uses_of,
)
from harness.machine import Progress, cache_root, embedding_key, installed_packages, kind_of, silent, system_code
from harness.protocols import RetrievalTask


def clip_job(
    system: RetrievalSystem, store: PcmStore, clips: Sequence[Clip], batch_size: int | None = None
) -> EmbeddingJob[tuple[Array, Metadata]]:
    """The embedding of clips that a store holds, at the system's sampling rate, with the metadata that it uses."""
    read, uses = reader(system, store), uses_of(system)
    return EmbeddingJob(
        system.info.name,
        "clip",
        len(clips),
        lambda index: (read(clips[index]), metadata_of(clips[index], uses)),
        partial(embed_described, system),
        batch_size,
    )


def content_digest(system: System, prepared: PreparedTask) -> str:
    """A digest of all that a system gets of a task's clips: their samples, and the metadata that it uses."""
    clips, uses = prepared.task.clips, uses_of(system)
    samples = prepared.store.digest(clips)
    return embedding_key(samples, metadata_digest(clips, uses)) if uses else samples


def caption_job(system: RetrievalSystem, captions: Sequence[str], batch_size: int | None = None) -> EmbeddingJob[str]:
    """The embedding of captions."""
    return EmbeddingJob(system.info.name, "caption", len(captions), captions.__getitem__, system.embed_text, batch_size)


@dataclass(frozen=True)
class TaskEmbedder:
    """How a system runs, and how its progress is shown.

    Embeddings are kept under a key of everything that decides them: the system and its code, the content, the kind of
    device, the precision, the batch size that the user named, the versions of packages. They serve an interrupted
    evaluation, and every other protocol on the same clips. Nothing is kept of a system that does not say what decides
    its output (its `info.digest` is `None`, or its code is in no file, as in a notebook).
    """

    device: str
    precision: str
    batch_size: int | None = None
    progress: Progress = silent

    def clips(self, system: RetrievalSystem, prepared: PreparedTask) -> Array:
        """Embed a task's clips; shape `(clips, d)`."""
        clips, store = prepared.task.clips, prepared.store
        job = clip_job(system, store, clips, self.batch_size)
        kept = self._kept(system, "audio", content_digest(system, prepared))
        return embed_in_batches(job, kept, progress=self.progress)

    def captions(self, system: RetrievalSystem, task: RetrievalTask) -> Array:
        """Embed a task's captions; shape `(captions, d)`, with equal rows for captions that read the same.

        The system gets them ordered by length, so that a batch needs little padding.
        """
        distinct = sorted(dict.fromkeys(task.captions), key=lambda text: (len(text), text))
        job = caption_job(system, distinct, self.batch_size)
        kept = self._kept(system, "text", embedding_key(distinct))
        return _for_each(task.captions, distinct, embed_in_batches(job, kept, progress=self.progress))

    def pairs(self, system: PairScorer, prepared: PreparedTask) -> Array:
        """Score every caption of a task with every clip; shape `(captions, clips)`.

        The scores of a caption are kept as an embedding is, so that an interrupted computation, which may be long,
        continues where it stopped. Those of a system that does not say what decides its output are kept in memory until
        all of them are there, for this process and this very object.
        """
        task, store, uses = prepared.task, prepared.store, uses_of(system)
        distinct = list(dict.fromkeys(task.captions))
        size = self.batch_size or FIRST_BATCH
        parts = [task.clips[start : start + size] for start in range(0, len(task.clips), size)]

        def rows(captions: Sequence[str]) -> Array:
            return np.stack([np.concatenate([score(caption, part) for part in parts]) for caption in captions])

        def score(caption: str, part: Sequence[Clip]) -> Array:
            known = ([metadata_of(clip, uses) for clip in part],) if uses else ()
            result = system.score_pairs([caption] * len(part), [store.read(clip) for clip in part], *known)
            return checked_scores(result, (len(part),), f"{system.info.name}: score_pairs")

        job = EmbeddingJob(system.info.name, "caption", len(distinct), distinct.__getitem__, rows, batch_size=1)
        content = embedding_key(content_digest(system, prepared), distinct)
        kept = self._kept(system, "pairs", content) or unfinished_rows(system, embedding_key(content, size))
        return _for_each(task.captions, distinct, embed_in_batches(job, kept, progress=self.progress))

    def _kept(self, system: System, side: str, content: str) -> Rows[np.float32] | None:
        digest, code = system.info.digest, system_code(system)
        if digest is None or code is None:
            return None if side == "pairs" else shared_rows(system, f"{side} {content}")
        how = (kind_of(self.device), self.precision, self.batch_size, installed_packages())
        return KeptRows(cache_root() / "embeddings" / embedding_key(digest, code, side, content, *how))


def _for_each(captions: Sequence[str], distinct: Sequence[str], rows: Array) -> Array:
    """The row of each caption, from one row for each distinct one."""
    if list(distinct) == list(captions):
        return rows
    position = {text: index for index, text in enumerate(distinct)}
    return rows[[position[text] for text in captions]]
