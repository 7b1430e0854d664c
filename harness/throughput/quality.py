"""How much a faster way to compute changes the output of a system."""

import numpy as np

from harness.audio import Array
from harness.evaluation import PreparedTask, caption_job, clip_job, embed_in_batches, embedding_tiles, measure
from harness.interface import RetrievalSystem
from harness.machine import Progress, silent
from harness.measures import unit_vectors
from harness.runs import Quality


def compare_quality(
    system: RetrievalSystem, reference: RetrievalSystem, prepared: PreparedTask, *, progress: Progress = silent
) -> Quality:
    """Evaluate a system and the same system in fp32, not compiled, and compare measures and embeddings.

    Args:
        system: as it was measured.
        reference: the same system in plain fp32.
        prepared: the task for both.
        progress: opened for both.
    """
    task = prepared.task
    embeddings = [_embeddings(one, prepared, progress) for one in (system, reference)]
    values = []
    for audio, text in embeddings:
        measures = measure(task, embedding_tiles(system, task, audio, text)).measures
        values.append(next(measure.value for measure in measures if measure.name == task.protocol.primary))
    audio, text = (_cosines(*pair) for pair in zip(*embeddings, strict=True))
    return Quality(
        protocol=task.protocol.name,
        measure=task.protocol.primary,
        value=values[0],
        reference=values[1],
        least_cosine_audio=float(audio.min()),
        mean_cosine_audio=float(audio.mean()),
        least_cosine_text=float(text.min()),
        mean_cosine_text=float(text.mean()),
    )


def _embeddings(system: RetrievalSystem, prepared: PreparedTask, progress: Progress) -> tuple[Array, Array]:
    """Of all clips and captions. Nothing that was kept before is taken: the cache does not know what is compiled."""
    task = prepared.task
    audio: Array = embed_in_batches(clip_job(system, prepared.store, task.clips), progress=progress)
    text: Array = embed_in_batches(caption_job(system, task.captions), progress=progress)
    return audio, text


def _cosines(found: Array, expected: Array) -> Array:
    """The cosine of each pair of rows, shape `(n,)`; 1 where both rows are zero."""
    products: Array = np.einsum("ij,ij->i", unit_vectors(found), unit_vectors(expected))
    return np.where(found.any(axis=1) | expected.any(axis=1), products, np.float32(1))
