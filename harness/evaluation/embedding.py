"""A task as a system sees it: each clip and each distinct caption computed once, and kept where that is safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audio import Array, Clip
from harness.evaluation.batches import FIRST_BATCH, embed_in_batches
from harness.evaluation.preparing import PreparedTask, reader
from harness.interface import PairScorer, RetrievalSystem, System, checked_scores
from harness.machine import Progress, cache_root, embedding_key, installed_packages, kind_of, silent, system_code
from harness.protocols import RetrievalTask


@dataclass(frozen=True)
class TaskEmbedder:
    """Where and how a system runs, and how to tell of its progress.

    Embeddings are kept under what decides them: the system and its code, the content, the kind of device, the
    precision, the batch size that was asked for, the packages. They serve an interrupted evaluation, and every other
    protocol on the same clips. Of a system that does not say what decides its output (no `info.digest`, or code that
    only a notebook has) nothing is kept.
    """

    device: str
    precision: str
    batch_size: int | None = None
    progress: Progress = silent

    def clips(self, system: RetrievalSystem, prepared: PreparedTask) -> Array:
        """Embed a task's clips; shape `(clips, d)`."""
        clips, read = prepared.task.clips, reader(system, prepared.store)
        return embed_in_batches(
            lambda index: read(clips[index]),
            len(clips),
            system.embed_audio,
            what="clip",
            system=system.info.name,
            batch_size=self.batch_size,
            store=self._kept(system, "audio", prepared.store.digest(clips)),
            progress=self.progress,
        )

    def captions(self, system: RetrievalSystem, task: RetrievalTask) -> Array:
        """Embed a task's captions; shape `(captions, d)`, with equal rows for captions that read the same.

        They come to the system by length, so that one that fills up a batch to its longest caption has little to fill.
        """
        distinct = sorted(dict.fromkeys(task.captions), key=lambda text: (len(text), text))
        vectors: Array = embed_in_batches(
            distinct.__getitem__,
            len(distinct),
            system.embed_text,
            what="caption",
            system=system.info.name,
            batch_size=self.batch_size,
            store=self._kept(system, "text", embedding_key(distinct)),
            progress=self.progress,
        )
        return _for_each(task.captions, distinct, vectors)

    def pairs(self, system: PairScorer, prepared: PreparedTask) -> Array:
        """Score every caption of a task with every clip; shape `(captions, clips)`.

        The scores of a caption are kept as an embedding is, so that this longest of works goes on where it stopped.
        """
        task, store = prepared.task, prepared.store
        distinct = list(dict.fromkeys(task.captions))
        size = self.batch_size or FIRST_BATCH
        parts = [task.clips[start : start + size] for start in range(0, len(task.clips), size)]

        def rows(captions: Sequence[str]) -> Array:
            return np.stack([np.concatenate([score(caption, part) for part in parts]) for caption in captions])

        def score(caption: str, part: Sequence[Clip]) -> Array:
            result = system.score_pairs([caption] * len(part), [store.read(clip) for clip in part])
            return checked_scores(result, (len(part),), f"{system.info.name}: score_pairs")

        scores: Array = embed_in_batches(
            distinct.__getitem__,
            len(distinct),
            rows,
            what="caption",
            system=system.info.name,
            batch_size=1,
            store=self._kept(system, "pairs", embedding_key(store.digest(task.clips), distinct)),
            progress=self.progress,
        )
        return _for_each(task.captions, distinct, scores)

    def _kept(self, system: System, side: str, content: str) -> Path | None:
        digest, code = system.info.digest, system_code(system)
        if digest is None or code is None:
            return None
        how = (kind_of(self.device), self.precision, self.batch_size, installed_packages())
        return cache_root() / "embeddings" / embedding_key(digest, code, side, content, *how)


def _for_each(captions: Sequence[str], distinct: Sequence[str], rows: Array) -> Array:
    """The row of each caption, from one row for each distinct one."""
    if list(distinct) == list(captions):
        return rows
    position = {text: index for index, text in enumerate(distinct)}
    return rows[[position[text] for text in captions]]
