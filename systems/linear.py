"""`linear`: statistics of log-mel images, mapped by reduced-rank ridge regression into a space of captions (TF-IDF)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.audio import Array
from harness.errors import UserError, one_line
from harness.interface import Card, parse_card, required_file, takes_card
from harness.machine import require_undamaged
from systems.audio import SAMPLE_RATE

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

    from systems.audio import ClipStatistics


class LinearCard(Card):
    """A linear system, but for its weights, and how these are fitted.

    Attributes:
        dataset: the data set; weights are fitted on its split `development`, and the settings below were chosen on its
            split `validation`.
        also: further data sets, whose splits `development` weights are fitted on too.
        bands: see `ClipStatistics`.
        quantiles: see `ClipStatistics`.
        lags: see `ClipStatistics`.
        least_captions: a word is used if at least this many captions have it.
        topics: dimension of the caption space (latent semantic analysis).
        ridge: factor of the penalty in the regression.
        rank: of the regression, which is the dimension of the embeddings.
    """

    dataset: str
    also: tuple[str, ...] = ()
    bands: int
    quantiles: tuple[float, ...]
    lags: tuple[int, ...]
    least_captions: int
    topics: int
    ridge: float
    rank: int

    def statistics(self, device: str = "cpu") -> "ClipStatistics":
        """What computes the input of the audio side."""
        from systems.audio import ClipStatistics

        return ClipStatistics(self.bands, self.quantiles, self.lags, device)


@dataclass(frozen=True, eq=False)
class LinearWeights:
    """The fitted weights. All arrays are float32.

    Attributes:
        vocabulary: the words.
        idf: inverse document frequency of each word, shape `(words,)`.
        topics: directions of the caption space, shape `(topics, words)`.
        centre: mean of the captions' unit vectors, shape `(topics,)`.
        text_projection: from the caption space to the embedding, shape `(topics, rank)`.
        audio_mean: mean of the clips' statistics, shape `(dimension,)`.
        audio_scale: standard deviation of the clips' statistics, shape `(dimension,)`.
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
        """The content of the weights file: safetensors, with the vocabulary in the metadata."""
        from safetensors.numpy import save

        return bytes(save(self._arrays(), {"vocabulary": json.dumps(self.vocabulary)}))

    @classmethod
    def read(cls, path: Path) -> "LinearWeights":
        """Read a weights file.

        Raises:
            UserError: the file is missing or damaged, is of another kind, or holds what is not finite.
        """
        from safetensors import SafetensorError, safe_open

        require_undamaged(path, "`lbar train linear` makes it anew")
        try:
            with safe_open(path, "numpy") as file:
                vocabulary = tuple(json.loads(file.metadata()["vocabulary"]))
                arrays = {field.name: file.get_tensor(field.name) for field in fields(cls)[1:]}
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path} cannot be read as weights of `linear` ({one_line(error)}); `lbar train linear` makes them anew"
            ) from None
        if broken := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            raise UserError(
                f"{path} cannot be used: {', '.join(broken)} hold NaN or infinity; `lbar train linear` makes them anew"
            )
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
        self._device = device

    # Made when they are used: a system whose finished run is only looked up needs neither PyTorch nor scikit-learn.

    @cached_property
    def _statistics(self) -> "ClipStatistics":
        return self.card.statistics(self._device)

    @cached_property
    def _vectorizer(self) -> "TfidfVectorizer":
        vectorizer = tfidf(vocabulary=self.weights.vocabulary)
        vectorizer.idf_ = self.weights.idf
        return vectorizer

    def embed_audio(self, clips: Sequence[Array]) -> Array:
        """Embed clips of any length at 32 kHz as `(n, rank)`; a clip of less than 0.3 s is padded with silence."""
        statistics = np.stack([self._statistics(clip) for clip in clips])
        standardised = (statistics - self.weights.audio_mean) / self.weights.audio_scale
        return np.asarray(standardised @ self.weights.audio_projection, np.float32)

    def embed_text(self, captions: Sequence[str]) -> Array:
        """Embed captions as `(m, rank)`; all captions without a known word get the same vector."""
        vectors = self._vectorizer.transform(captions) @ self.weights.topics.T.astype(np.float64)
        return ((unit_rows(vectors) - self.weights.centre) @ self.weights.text_projection).astype(np.float32)


def tfidf(**options: Any) -> "TfidfVectorizer":
    """A TF-IDF vectorizer for words of one letter or more, with 1 + ln(count) as the term frequency."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", sublinear_tf=True, **options)  # noqa: S106


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Each row scaled to length 1; a row of zeros stays as it is."""
    from sklearn.preprocessing import normalize

    return np.asarray(normalize(vectors))


@takes_card(LinearCard)
def from_card(card: Mapping[str, object], folder: Path, *, device: str = "cpu") -> LinearSystem:
    """Build the system that a card describes.

    Raises:
        UserError: something is wrong with the card or its weights file.
    """
    parsed = parse_card(LinearCard, card)
    return LinearSystem(parsed, LinearWeights.read(required_file(parsed.files, "weights", folder, parsed.name)), device)


def _digest(card: LinearCard, weights: LinearWeights) -> str:
    """SHA-256 over what decides the vectors: the weights, and the statistics that they are applied to."""
    settings = card.model_dump_json(include={"bands", "quantiles", "lags"})
    return hashlib.sha256(settings.encode() + weights.to_bytes()).hexdigest()
