"""`linear`: log-mel statistics, mapped by reduced-rank ridge regression into a space of TF-IDF captions."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError
from harness.interface import Card, parse_card, required_file
from systems.audio import SAMPLE_RATE, ClipStatistics

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer


class LinearCard(Card):
    """What decides a linear system beside its weights, and how these are fitted.

    Attributes:
        dataset: the data set it is fitted on (split `development`) and was chosen on (split `validation`).
        bands: see `ClipStatistics`.
        quantiles: see `ClipStatistics`.
        lags: see `ClipStatistics`.
        least_captions: number of captions that must use a word for it to count.
        topics: dimension of the caption space (LSA).
        ridge: penalty of the regression.
        rank: of the regression; dimension of the embeddings.
    """

    dataset: str
    bands: int
    quantiles: tuple[float, ...]
    lags: tuple[int, ...]
    least_captions: int
    topics: int
    ridge: float
    rank: int

    def statistics(self, device: str = "cpu") -> ClipStatistics:
        """The audio side's input."""
        return ClipStatistics(self.bands, self.quantiles, self.lags, device)


@dataclass(frozen=True, eq=False)
class LinearWeights:
    """What fitting finds. All arrays float32.

    Attributes:
        vocabulary: the words, shape `(words,)`.
        idf: inverse document frequency of each word, shape `(words,)`.
        topics: directions of the caption space, shape `(topics, words)`.
        centre: mean of the captions' unit vectors, shape `(topics,)`.
        text_projection: from the caption space to the embedding, shape `(topics, rank)`.
        audio_mean: mean of the clips' statistics, shape `(dimension,)`.
        audio_scale: their standard deviation, shape `(dimension,)`.
        audio_projection: from standardised statistics to the embedding, shape `(dimension, rank)`.
    """

    vocabulary: tuple[str, ...]
    idf: Array
    topics: Array
    centre: Array
    text_projection: Array
    audio_mean: Array
    audio_scale: Array
    audio_projection: Array

    @cached_property
    def parameters(self) -> int:
        """Number of fitted numbers."""
        return sum(array.size for array in self._arrays().values())

    def to_bytes(self) -> bytes:
        """The content of the weights file (safetensors, the vocabulary in its metadata)."""
        from safetensors.numpy import save

        return bytes(save(self._arrays(), {"vocabulary": json.dumps(self.vocabulary)}))

    @classmethod
    def read(cls, path: Path) -> "LinearWeights":
        """Read a weights file.

        Raises:
            UserError: it is missing, damaged, or of another kind.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as file:
                vocabulary = tuple(json.loads(file.metadata()["vocabulary"]))
                arrays = {field.name: file.get_tensor(field.name) for field in fields(cls)[1:]}
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{path} cannot be read as weights of `linear` ({reason}); `lbar train linear` makes them anew"
            ) from None
        return cls(vocabulary, **arrays)

    def _arrays(self) -> dict[str, Array]:
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}


class LinearSystem:
    """Embeds a clip and a caption into the same few topics."""

    def __init__(self, card: LinearCard, weights: LinearWeights, device: str = "cpu") -> None:
        self.card = card
        self.weights = weights
        self.info = card.info(
            sample_rate=SAMPLE_RATE,
            parameters=weights.parameters,
            digest=_digest(card, weights),
        )
        self._statistics = card.statistics(device)
        self._vectorizer = tfidf(vocabulary=weights.vocabulary)
        self._vectorizer.idf_ = weights.idf

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        """Embed clips of any length at 32 kHz as `(n, rank)`; one of less than 0.3 s counts as followed by silence."""
        statistics = np.stack([self._statistics(clip) for clip in clips])
        standardised = (statistics - self.weights.audio_mean) / self.weights.audio_scale
        return np.asarray(standardised @ self.weights.audio_projection, np.float32)

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions as `(m, rank)`. One without a known word gets the vector of what captions do not say."""
        vectors = self._vectorizer.transform(captions) @ self.weights.topics.T.astype(np.float64)
        return ((unit_rows(vectors) - self.weights.centre) @ self.weights.text_projection).astype(np.float32)


def tfidf(**options: Any) -> "TfidfVectorizer":
    """The captions' words, one-letter words included, damped by their logarithm."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", sublinear_tf=True, **options)  # noqa: S106


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Each row at length 1; a row of zeros stays."""
    from sklearn.preprocessing import normalize

    return np.asarray(normalize(vectors))


def from_card(card: Mapping[str, object], folder: Path, *, device: str = "cpu") -> LinearSystem:
    """Build the system a card describes.

    Raises:
        UserError: something is wrong with the card or its weights file.
    """
    parsed = parse_card(LinearCard, card)
    return LinearSystem(parsed, LinearWeights.read(required_file(parsed.files, "weights", folder, parsed.name)), device)


def _digest(card: LinearCard, weights: LinearWeights) -> str:
    """SHA-256 over what decides the output: the weights, and how a clip is described before they are applied."""
    said = card.model_dump_json(include={"bands", "quantiles", "lags"})
    return hashlib.sha256(said.encode() + weights.to_bytes()).hexdigest()
