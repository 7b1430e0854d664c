"""What is embedded, as jobs: clips, captions, and the scores of pairs of both."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from harness.audio import Array, Clip, PcmStore
from harness.evaluation.batches import FIRST_BATCH, EmbeddingJob
from harness.evaluation.preparing import reader
from harness.interface import (
    Metadata,
    PairScorer,
    RetrievalSystem,
    checked_scores,
    embed_described,
    metadata_of,
    uses_of,
)

HeldClip = tuple[PcmStore, Clip]
"""A clip, with the store that holds its samples."""


def clip_job(
    system: RetrievalSystem, store: PcmStore, clips: Sequence[Clip], batch_size: int | None = None
) -> EmbeddingJob[tuple[Array, Metadata]]:
    """The embedding of clips that a store holds, at the system's sampling rate, with the metadata that it uses."""
    return held_clip_job(system, [(store, clip) for clip in clips], batch_size)


def held_clip_job(
    system: RetrievalSystem, held: Sequence[HeldClip], batch_size: int | None = None
) -> EmbeddingJob[tuple[Array, Metadata]]:
    """The embedding of clips of one or several stores; see `clip_job`."""
    stores, uses = {store for store, _ in held}, uses_of(system)
    readers = {store: reader(system, store) for store in stores}

    def read(index: int) -> tuple[Array, Metadata]:
        store, clip = held[index]
        return readers[store](clip), metadata_of(clip, uses)

    return EmbeddingJob(system.info.name, "clip", len(held), read, partial(embed_described, system), batch_size)


def caption_job(system: RetrievalSystem, captions: Sequence[str], batch_size: int | None = None) -> EmbeddingJob[str]:
    """The embedding of captions."""
    return EmbeddingJob(system.info.name, "caption", len(captions), captions.__getitem__, system.embed_text, batch_size)


def pair_job(
    system: PairScorer, held: Sequence[HeldClip], captions: Sequence[str], batch_size: int | None = None
) -> EmbeddingJob[str]:
    """The scores of captions with all clips: a row for each caption, of which a few clips are scored at a time."""
    size, uses = batch_size or FIRST_BATCH, uses_of(system)
    parts = [held[start : start + size] for start in range(0, len(held), size)]

    def rows(captions: Sequence[str]) -> Array:
        return np.stack([np.concatenate([score(caption, part) for part in parts]) for caption in captions])

    def score(caption: str, part: Sequence[HeldClip]) -> Array:
        known = ([metadata_of(clip, uses) for _, clip in part],) if uses else ()
        result = system.score_pairs([caption] * len(part), [store.read(clip) for store, clip in part], *known)
        return checked_scores(result, (len(part),), f"{system.info.name}: score_pairs")

    return EmbeddingJob(system.info.name, "caption", len(captions), captions.__getitem__, rows, batch_size=1)
