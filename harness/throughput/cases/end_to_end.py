"""The workload `end-to-end`: audio files on disk and a caption to a ranked list."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audio import Array, decode
from harness.interface import Metadata, RetrievalSystem, embed_described
from harness.machine import is_metered, stage, usable_cores
from harness.measures import unit_vectors
from harness.throughput.cases.query import BEST, answering
from harness.throughput.cases.workload import Workload
from harness.throughput.instruments.observation import Case
from harness.throughput.subject import Subject


def rank_files(
    system: RetrievalSystem, files: Sequence[Path], metadata: Sequence[Metadata], caption: str, batch_size: int
) -> list[Path]:
    """The files that match a caption best, best first; `metadata` is what the system uses beside the sound of each.

    Files are decoded in threads while the system embeds the batch before.

    Raises:
        BrokenAudio: a file cannot be decoded.
    """
    rows: list[Array] = []
    described = iter(metadata)
    for batch in _decoded(files, system.info.sample_rate, batch_size):
        with stage("encode"):
            known = [(samples, next(described)) for samples in batch]
            rows.append(np.asarray(embed_described(system, known), np.float32))
    items = np.concatenate(rows)
    if getattr(system, "score", None) is None:
        with stage("score"):
            items = unit_vectors(items)
    return [files[index] for index in answering(system, items)([caption])[0]]


@dataclass(frozen=True)
class EndToEnd(Workload):
    """Decode, embed and rank audio files for one caption, with nothing prepared beforehand."""

    name: str = "end-to-end"
    about: str = "audio files and a caption to a ranked list"

    def groups(self, subject: Subject) -> Iterator[Sequence[Case]]:
        """One case: the original files of the real clips."""
        files = [clip.path for clip in subject.clips]
        caption = subject.prepared.task.captions[0]

        def call() -> None:
            rank_files(subject.system, files, subject.metadata, caption, subject.batch_size)

        name = f"{self.name}, {subject.prepared.task.protocol.dataset}, {BEST} best of {len(files):,} files"
        yield (Case(name, "clips", len(files), call, subject.audio_seconds),)


def _decoded(files: Sequence[Path], rate: int, batch_size: int) -> Iterator[list[Array]]:
    """Waveforms in batches; at most one batch is decoded ahead of the one that is being used."""
    if is_metered():
        for start in range(0, len(files), batch_size):
            yield [decode(file, rate) for file in files[start : start + batch_size]]
        return
    waiting: deque[Future[Array]] = deque()
    with ThreadPoolExecutor(usable_cores()) as pool:
        ahead = iter(files)
        waiting.extend(pool.submit(decode, file, rate) for file, _ in zip(ahead, range(2 * batch_size), strict=False))
        try:
            while waiting:
                batch = [waiting.popleft().result() for _ in range(min(batch_size, len(waiting)))]
                waiting.extend(pool.submit(decode, file, rate) for file, _ in zip(ahead, batch, strict=False))
                yield batch
        finally:
            for future in waiting:
                future.cancel()
