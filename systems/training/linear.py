"""Train `linear`: its weights have a closed form, and are the same whenever the data are the same."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from itertools import chain, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array, PcmStore
from harness.datasets import RetrievalDataset
from harness.errors import UserError
from harness.evaluation import embedding_tiles, measure
from harness.interface import CardFile, parse_card
from harness.machine import Progress, silent
from harness.measures import MeasureRecord
from systems.audio import SAMPLE_RATE
from systems.linear import LinearCard, LinearSystem, LinearWeights, tfidf, unit_rows
from systems.training.data.decoding import LeftOut, decoded, to_json
from systems.training.data.training_set import load_split, task_on
from systems.training.export import export

if TYPE_CHECKING:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

Decoded = tuple[RetrievalDataset, PcmStore]
"""A data set, and the store in which its clips are decoded."""


def train_linear(
    card: Mapping[str, object],
    folder: Path,  # noqa: ARG001
    out: Path,
    data_root: Path,
    progress: Progress = silent,
    *,
    skip_broken: bool = False,
) -> str:
    """Fit on the development split and write `out/<name>/{card.yaml,<name>.safetensors,training.json}`.

    Returns:
        A line that names the card and says what it reaches on the validation split.

    Raises:
        UserError: the card does not fit, data are missing, or broken and not to be skipped, or the folder cannot be
            written.
    """
    parsed = parse_card(LinearCard, card)
    wanted = [*((name, "training") for name in (parsed.dataset, *parsed.also)), (parsed.dataset, "validation")]
    decode = partial(_decoded, data_root=data_root, progress=progress, skip_broken=skip_broken)
    (*development, validation), left_out = zip(*starmap(decode, wanted), strict=True)
    broken = tuple(chain.from_iterable(left_out))
    system = fit(parsed, development, progress)
    reached = validate(system, *validation)
    record = {
        "dataset": parsed.dataset,
        "development": _digests(*development[0]),
        "also": {dataset.name: _digests(dataset, store) for dataset, store in development[1:]},
        "validation": _digests(*validation) | {reached.name: reached.value},
        "broken": to_json(broken),
        "system_digest": system.info.digest,
        "packages": {name: version(name) for name in ("numpy", "scikit-learn", "torch")},
    }
    weights = f"{parsed.name}.safetensors"
    trained = parsed.model_copy(
        update={
            "parameters": system.info.parameters,
            "trained_on": (parsed.dataset, *parsed.also),
            "trained_without": tuple(map(str, broken)),
            "files": {"weights": CardFile(path=weights, origin=f"`lbar train {parsed.name}` makes it")},
        }
    )
    written = export(
        out / parsed.name,
        trained.model_dump(mode="json", exclude_defaults=True),
        record,
        {weights: system.weights.to_bytes()},
    )
    return f"{written}: {reached.name} {reached.value:.4f} on the validation split"


def _decoded(
    name: str, purpose: Literal["training", "validation"], *, data_root: Path, progress: Progress, skip_broken: bool
) -> tuple[Decoded, tuple[LeftOut, ...]]:
    store = PcmStore.of(name, SAMPLE_RATE)
    dataset, left_out = decoded(
        load_split(name, purpose, data_root, progress), store, progress, skip_broken=skip_broken
    )
    return (dataset, store), left_out


def _digests(dataset: RetrievalDataset, store: PcmStore) -> dict[str, object]:
    return {"captions_digest": dataset.digest, "audio_digest": store.digest(dataset.clips)}


def fit(card: LinearCard, data: Sequence[Decoded], progress: Progress = silent) -> LinearSystem:
    """Fit a linear system to clips and captions.

    A clip's target is the mean of its captions' unit vectors in the caption space, which gives the same regression as
    one example per caption. The rank is reduced to the directions in which the predictions vary most.

    Args:
        card: the system's dimensions and penalty.
        data: data sets, each with the store, at 32 kHz, in which its clips are decoded.
        progress: opened for the clips.

    Raises:
        UserError: the captions hold fewer words, or the data sets fewer clips, than the card's dimensions need.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    vectorizer, topics, targets = _caption_space(card, [dataset for dataset, _ in data])
    statistics = _clip_statistics(card, data, progress)
    scaler = StandardScaler().fit(statistics.astype(np.float64))
    standardised = scaler.transform(statistics)
    ridge = Ridge(alpha=card.ridge, solver="cholesky").fit(standardised, targets)
    reduced = PCA(card.rank, svd_solver="full").fit(ridge.predict(standardised))
    found = {
        "idf": vectorizer.idf_,
        "topics": topics.components_,
        "centre": reduced.mean_,
        "text_projection": reduced.components_.T,
        "audio_mean": scaler.mean_,
        "audio_scale": scaler.scale_,
        "audio_projection": ridge.coef_.T @ reduced.components_.T,
    }
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in found.items()}
    return LinearSystem(card, LinearWeights(tuple(vectorizer.get_feature_names_out()), **arrays))


def _caption_space(
    card: LinearCard, datasets: Sequence[RetrievalDataset]
) -> "tuple[TfidfVectorizer, TruncatedSVD, NDArray[np.float64]]":
    """Fit the caption space; with it each clip's target, the mean of its captions' unit vectors, `(clips, topics)`."""
    from sklearn.decomposition import TruncatedSVD

    vectorizer = tfidf(min_df=card.least_captions)
    first_clips = np.cumsum([0, *(len(dataset.clips) for dataset in datasets)])
    clips = int(first_clips[-1])
    try:
        words = vectorizer.fit_transform([query.text for dataset in datasets for query in dataset.queries])
    except ValueError:
        raise UserError(_too_small(datasets, card, "no word that is used often enough")) from None
    if min(words.shape) <= card.topics or min(clips, card.topics) < card.rank:
        raise UserError(_too_small(datasets, card, f"{words.shape[1]} words and {clips} clips"))
    topics = TruncatedSVD(card.topics, algorithm="arpack", random_state=0).fit(words)
    sums = np.zeros((clips, card.topics))
    clip_of_caption = [
        first + query.clip
        for first, dataset in zip(first_clips[:-1], datasets, strict=True)
        for query in dataset.queries
    ]
    np.add.at(sums, clip_of_caption, unit_rows(topics.transform(words)))
    return vectorizer, topics, sums / np.bincount(clip_of_caption, minlength=len(sums))[:, None]


def _clip_statistics(card: LinearCard, data: Sequence[Decoded], progress: Progress) -> Array:
    """The statistics of each clip, `(clips, dimension)`."""
    describe = card.statistics()
    statistics = np.zeros((sum(len(dataset.clips) for dataset, _ in data), describe.dimension), np.float32)
    advance = progress("fit", len(statistics))
    clips = ((clip, store) for dataset, store in data for clip in dataset.clips)
    for row, (clip, store) in zip(statistics, clips, strict=True):
        row[:] = describe(store.read(clip))
        advance(1)
    return statistics


def validate(system: LinearSystem, dataset: RetrievalDataset, store: PcmStore) -> MeasureRecord:
    """The primary measure, text to audio, on a data set decoded in `store`."""
    task = task_on(dataset)
    audio = system.embed_audio([store.read(clip) for clip in dataset.clips])
    text = system.embed_text([query.text for query in dataset.queries])
    return measure(task, embedding_tiles(system, task, audio, text)).measures[0]


def _too_small(datasets: Sequence[RetrievalDataset], card: LinearCard, found: str) -> str:
    names = " and ".join(f"{dataset.name} {dataset.split}" for dataset in datasets)
    return (
        f"{names} {'is' if len(datasets) == 1 else 'are'} too small for card {card.name!r}: it has {found}; "
        f"expected more than {card.topics} words in {card.least_captions} captions each, and {card.rank} clips; "
        "lower topics and rank in the card"
    )
