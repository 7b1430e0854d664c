"""Embed a task: each clip and each distinct caption once, and keep the embeddings where that is safe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.audio import Array
from harness.evaluation.batches import FIRST_BATCH, embed_in_batches
from harness.evaluation.preparing import PreparedTask
from harness.evaluation.rows.kept_rows import KeptRows, Rows
from harness.evaluation.rows.shared_rows import shared_rows
from harness.evaluation.rows.unfinished_rows import unfinished_rows
from harness.evaluation.spreading.shards import Captions, Clips, Items, Pairs, Workers
from harness.interface import PairScorer, RetrievalSystem, System, metadata_digest, uses_of
from harness.machine import Progress, cache_root, embedding_key, installed_packages, kind_of, silent, system_code
from harness.protocols import RetrievalTask


def content_digest(system: System, prepared: PreparedTask) -> str:
    """A digest of all that a system gets of a task's clips: their samples, and the metadata that it uses."""
    clips, uses = prepared.task.clips, uses_of(system)
    samples = prepared.store.digest(clips)
    return embedding_key(samples, metadata_digest(clips, uses)) if uses else samples


@dataclass(frozen=True)
class TaskEmbedder:
    """How a system runs, and how its progress is shown.

    Embeddings are kept under a key of everything that decides them: the system and its code, the content, the kind of
    device, the precision, the batch size that the user named, the versions of packages. They serve an interrupted
    evaluation, and every other protocol on the same clips. Nothing is kept of a system that does not say what decides
    its output (its `info.digest` is `None`, or its code is in no file, as in a notebook).

    Attributes:
        device: the name PyTorch gives it, or `own`.
        precision: `fp32` or `bf16`.
        batch_size: items at once; `None` finds a number that fits.
        progress: opened for clips and for captions.
        workers: compute in place of this process.
    """

    device: str
    precision: str
    batch_size: int | None = None
    progress: Progress = silent
    workers: Workers | None = None

    def clips(self, system: RetrievalSystem, prepared: PreparedTask) -> Array:
        """Embed a task's clips; shape `(clips, d)`."""
        kept = self.kept(system, "audio", content_digest(system, prepared))
        return self._embedded(system, _clips_of(prepared), kept)

    def captions(self, system: RetrievalSystem, task: RetrievalTask) -> Array:
        """Embed a task's captions; shape `(captions, d)`, with equal rows for captions that read the same.

        The system gets them ordered by length, so that a batch needs little padding.
        """
        distinct = sorted(dict.fromkeys(task.captions), key=lambda text: (len(text), text))
        kept = self.kept(system, "text", embedding_key(distinct))
        return _for_each(task.captions, distinct, self._embedded(system, Captions(distinct), kept))

    def pairs(self, system: PairScorer, prepared: PreparedTask) -> Array:
        """Score every caption of a task with every clip; shape `(captions, clips)`.

        The scores of a caption are kept as an embedding is, so that an interrupted computation, which may be long,
        continues where it stopped. Those of a system that does not say what decides its output are kept in memory until
        all of them are there, for this process and this very object.
        """
        distinct = list(dict.fromkeys(prepared.task.captions))
        content = embedding_key(content_digest(system, prepared), distinct)
        in_memory = embedding_key(content, self.batch_size or FIRST_BATCH)
        kept = self.kept(system, "pairs", content) or unfinished_rows(system, in_memory)
        rows = self._embedded(system, Pairs(distinct, _clips_of(prepared)), kept)
        return _for_each(prepared.task.captions, distinct, rows)

    def _embedded(self, system: System, items: Items, kept: Rows[np.float32] | None) -> Array:
        """The row of each item, made in this process or by the workers."""
        job = items.job(system, self.batch_size)
        rest = self.workers.rest(system, items, self.batch_size) if self.workers else None
        return embed_in_batches(job, kept, rest=rest, progress=self.progress)

    def kept(self, system: System, side: str, content: str) -> Rows[np.float32] | None:
        """Where embeddings are kept; `None` where that is not safe.

        Args:
            system: computes them.
            side: "audio", "text" or "pairs".
            content: a digest of all that the system gets.
        """
        digest, code = system.info.digest, system_code(system)
        if digest is None or code is None:
            return None if side == "pairs" else shared_rows(system, f"{side} {content}")
        how = (kind_of(self.device), self.precision, self.batch_size, installed_packages())
        return KeptRows(cache_root() / "embeddings" / embedding_key(digest, code, side, content, *how))


def _clips_of(prepared: PreparedTask) -> Clips:
    return Clips.of(prepared.task.protocol.dataset, prepared.store, prepared.task.clips)


def _for_each(captions: Sequence[str], distinct: Sequence[str], rows: Array) -> Array:
    """The row of each caption, from one row for each distinct one."""
    if list(distinct) == list(captions):
        return rows
    position = {text: index for index, text in enumerate(distinct)}
    return rows[[position[text] for text in captions]]
