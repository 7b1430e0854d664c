"""Any system as a model of MTEB."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError
from harness.interface import (
    RetrievalSystem,
    System,
    beside_the_sound,
    checked_embeddings,
    checked_info,
    embed_described,
    guarded_score,
    is_pair_scorer,
    uses_of,
)
from harness.measures import score_tiles
from systems.mteb.card import as_array
from systems.mteb.package import mteb, tasks_of

ORGANISATION = "lbar"
"""The first part of the names that our systems have in MTEB."""


class MtebModel:
    """Embeds what MTEB hands out by a system of ours.

    Clips are resampled to the system's rate, of which MTEB knows nothing. The similarity is the system's own `score`,
    else the cosine as the harness computes it, in which equal clips tie. MTEB breaks ties by the names of the clips,
    where the harness counts them against the system.
    """

    def __init__(self, system: RetrievalSystem, meta: Any) -> None:
        self.system = system
        self.mteb_model_meta = meta
        self._score = guarded_score(system)
        self._text_asks = True

    def encode(self, inputs: Any, *, prompt_type: Any = None, **_: Any) -> Array:
        """Embed the texts or the audio of a data loader, `(n, d)`."""
        inputs.collate_fn = list
        vectors: list[Array] = []
        done = 0
        for rows in inputs:
            if "audio" in rows[0]:
                what, found = "clip", self._embed_audio([row["audio"] for row in rows])
            else:
                what, found = "caption", self.system.embed_text([row["text"] for row in rows])
            if str(getattr(prompt_type, "value", prompt_type)) == "query":
                self._text_asks = what == "caption"
            vectors.append(checked_embeddings(found, len(rows), what, self.system.info.name, done))
            done += len(rows)
        return np.concatenate(vectors)

    def _embed_audio(self, items: Sequence[Any]) -> object:
        rate = self.system.info.sample_rate
        nothing: Mapping[str, tuple[str, ...]] = dict.fromkeys(uses_of(self.system), ())
        return embed_described(self.system, [(_clip(item, rate), nothing) for item in items])

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Array:
        """The scores of queries with documents, `(queries, documents)`."""
        queries, documents = np.atleast_2d(as_array(embeddings1)), np.atleast_2d(as_array(embeddings2))
        scores = np.empty((len(queries), len(documents)), np.float32)
        if self._score is not None and not self._text_asks:
            return np.ascontiguousarray(self._score(documents, queries).T)
        for rows, tile in score_tiles(queries, documents, self._score):
            scores[rows] = tile
        return scores

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Array:
        """The score of each query with the document at its place, `(n,)`."""
        return np.diagonal(self.similarity(embeddings1, embeddings2)).copy()


def as_model(system: System) -> MtebModel:
    """A system as a model that `mteb.evaluate` takes.

    Raises:
        UserError: MTEB is not installed; or the system scores pairs, or uses more of a clip than its sound.
    """
    package = mteb()
    info = checked_info(system)
    if is_pair_scorer(system):
        raise UserError(f"{info.name} scores pairs of caption and clip; as a model of MTEB it has to embed both")
    if uses := beside_the_sound(uses_of(system)):
        raise UserError(
            f"{info.name} uses {', '.join(uses)}, which MTEB does not hand out; take a system that hears only"
        )
    meta = package.models.ModelMeta(
        loader=None,
        name=f"{ORGANISATION}/{info.name.replace('/', '-')}",
        revision=info.digest or "unknown",
        release_date=None,
        languages=["eng-Latn"],
        n_parameters=info.parameters or None,
        memory_usage_mb=None,
        max_tokens=None,
        embed_dim=None,
        license=None,
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=[],
        similarity_fn_name=None if guarded_score(system) else "cosine",
        use_instructions=False,
        training_datasets=tasks_of(info.trained_on),
        modalities=["audio", "text"],
    )
    return MtebModel(system, meta)


def _clip(item: Any, rate: int) -> Array:
    """A clip as systems get it: mono float32 at their rate; MTEB has it as samples with their rate, or as a decoder."""
    if hasattr(item, "get_all_samples"):
        decoded = item.get_all_samples()
        samples, own = np.asarray(decoded.data, np.float32), int(decoded.sample_rate)
    else:
        samples, own = np.asarray(item["array"], np.float32), int(item["sampling_rate"])
    if samples.ndim == 2:
        samples = samples.mean(axis=0)
    if own == rate:
        return samples
    import soxr

    resampled = soxr.resample(samples, own, rate, quality="HQ")
    return np.clip(resampled if len(resampled) else samples[:1], -1, 1).astype(np.float32)
