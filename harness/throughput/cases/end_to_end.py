"""The workload `end-to-end`: audio files on disk and a caption to a ranked list."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from harness.audio import Array, decode
from harness.interface import RetrievalSystem
from harness.machine import is_metered, stage, usable_cores
from harness.measures import unit_vectors
from harness.throughput.cases.query import answering
from harness.throughput.instruments.observation import Case, Observed, observe
from harness.throughput.subject import Subject
from harness.throughput.workloads import BEST


def rank_files(system: RetrievalSystem, files: Sequence[Path], caption: str, batch_size: int) -> list[Path]:
    """The files that match a caption best, best first, from nothing.

    Files are decoded in threads while the system embeds those before.

    Raises:
        BrokenAudio: a file cannot be decoded.
    """
    rows: list[Array] = []
    for batch in _decoded(files, system.info.sample_rate, batch_size):
        with stage("encode"):
            rows.append(np.asarray(system.embed_audio(batch), np.float32))
    items = np.concatenate(rows)
    if getattr(system, "score", None) is None:
        with stage("score"):
            items = unit_vectors(items)
    return [files[index] for index in answering(system, items)([caption])[0]]


def files_case(subject: Subject) -> Case:
    """The real clips' own files."""
    files = [clip.path for clip in subject.clips]
    caption = subject.prepared.task.captions[0]

    def call() -> None:
        rank_files(subject.system, files, caption, subject.batch_size)

    name = f"end-to-end, {subject.prepared.task.protocol.dataset}, {BEST} best of {len(files):,} files"
    return Case(name, "clips", len(files), call, subject.audio_seconds)


def observe_files(subject: Subject) -> tuple[Observed, Callable[[], object]]:
    """Measure it; also gives the call, to watch its memory."""
    case = files_case(subject)
    return observe([case], subject.device, subject.ceilings, subject.effort), case.call


def _decoded(files: Sequence[Path], rate: int, batch_size: int) -> Iterator[list[Array]]:
    """Waveforms in batches, decoded at most a batch ahead of whoever takes them."""
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
