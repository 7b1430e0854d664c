"""Both sides of a task as vectors: each clip and each distinct caption embedded once, and kept where that is safe."""

from dataclasses import dataclass
from pathlib import Path

from harness.cache import cache_root
from harness.code_digest import system_code
from harness.devices import kind_of
from harness.embeddings import embed_in_batches, embedding_key
from harness.environment import installed_packages
from harness.preparation import PreparedTask
from harness.progress import Progress, silent
from harness.system import Array, RetrievalSystem
from harness.task import RetrievalTask


@dataclass(frozen=True)
class TaskEmbedder:
    """A system, where and how it runs, and how to tell of its progress.

    Embeddings are kept under what decides them: the system and its code, the content, the kind of device, the
    precision, the batch size that was asked for, the packages. They serve an interrupted evaluation, and every other
    protocol on the same clips. Of a system that does not say what decides its output (no `info.digest`, or code that
    only a notebook has) nothing is kept.
    """

    system: RetrievalSystem
    device: str
    precision: str
    batch_size: int | None = None
    progress: Progress = silent

    def clips(self, prepared: PreparedTask) -> Array:
        """Embed a task's clips; shape `(clips, d)`."""
        clips = prepared.task.clips
        return embed_in_batches(
            lambda index: prepared.store.read(clips[index]),
            len(clips),
            self.system.embed_audio,
            what="clip",
            system=self.system.info.name,
            batch_size=self.batch_size,
            store=self._kept("audio", prepared.store.digest(clips)),
            progress=self.progress,
        )

    def captions(self, task: RetrievalTask) -> Array:
        """Embed the task's captions; shape `(captions, d)`, with equal rows for captions that read the same."""
        distinct = list(dict.fromkeys(task.captions))
        vectors = embed_in_batches(
            distinct.__getitem__,
            len(distinct),
            self.system.embed_text,
            what="caption",
            system=self.system.info.name,
            batch_size=self.batch_size,
            store=self._kept("text", embedding_key(distinct)),
            progress=self.progress,
        )
        if len(distinct) == len(task.captions):
            return vectors
        position = {text: index for index, text in enumerate(distinct)}
        return vectors[[position[text] for text in task.captions]]

    def _kept(self, side: str, content: str) -> Path | None:
        digest, code = self.system.info.digest, system_code(self.system)
        if digest is None or code is None:
            return None
        how = (kind_of(self.device), self.precision, self.batch_size, installed_packages())
        return cache_root() / "embeddings" / embedding_key(digest, code, side, content, *how)
