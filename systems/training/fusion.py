"""Fitting a fusion's weights: by logistic regression on which captions and clips belong together."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array, PcmStore
from harness.datasets import load, splits_for
from harness.errors import UserError
from harness.evaluation import PreparedTask, TaskEmbedder, measure, pair_tiles
from harness.interface import RetrievalSystem, is_card, parse_card
from harness.machine import Progress, silent
from harness.measures import MeasureRecord
from harness.protocols import Protocol, RetrievalTask, pose
from systems.fusion import FusionCard, add_similarity, build_members, fuse
from systems.training.data.training_set import decoded
from systems.training.export import export

NON_MATCHING = 200_000
"""At most so many pairs that do not belong together are drawn."""

SEED = 0
DIGITS = 4
"""Of the fitted weights; what rounds to 0 is not worth a member's work."""


class Pairs(NamedTuple):
    """Captions and clips by index, and whether they belong together; each of shape `(pairs,)`."""

    captions: NDArray[np.int64]
    clips: NDArray[np.int64]
    matching: NDArray[np.bool_]


class Embedded(NamedTuple):
    """A system with its embeddings of the validation split: `(captions, d)` and `(clips, d)`."""

    system: RetrievalSystem
    text: Array
    audio: Array


def train_fusion(
    card: Mapping[str, object], folder: Path, out: Path, data_root: Path, progress: Progress = silent
) -> str:
    """Fit weights on the validation split and write `out/<name>/{card.yaml,training.json}`.

    Fitted weights are kept where they reach more on that split than equal ones; weights the card has do not count.
    Every member hears the clips at its own rate, so that what evaluating it has embedded serves here too.

    Args:
        card: what the card says.
        folder: from which the paths among the card's members go.
        out: folder that receives the system's.
        data_root: folder with the data sets.
        progress: opened for every stage.

    Returns:
        A line that names the written card and says what both weightings reach.

    Raises:
        UserError: the card does not fit, members cannot be built or fused, data are missing or broken, or the folder
            cannot be written.
    """
    parsed = parse_card(FusionCard, card)
    splits = splits_for("validation")
    if parsed.dataset not in splits:
        raise UserError(
            f"fusion {parsed.name!r} cannot be trained on {parsed.dataset or 'nothing'}; expected a line `dataset:` "
            f"in its card that names one of {', '.join(splits)}"
        )
    equal = parsed.model_copy(update={"weights": (1.0,) * len(parsed.members)})
    built = build_members(equal, folder, device="auto", precision="fp32")
    systems = [member.system for member in fuse(equal, [one.system for one in built]).members]

    dataset = load(parsed.dataset, splits[parsed.dataset], data_root, progress=progress)
    if len(dataset.clips) < 2:
        raise UserError(f"{dataset.name} {dataset.split} has one clip; a fusion is fitted on what tells clips apart")
    task = pose(Protocol(f"{dataset.name}-{dataset.split}", dataset.name, dataset.split), dataset)
    stores = {rate: PcmStore.of(dataset.name, rate) for rate in {system.info.sample_rate for system in systems}}
    for store in stores.values():
        decoded(dataset, store, progress)
    embedded = []
    for system, how in zip(systems, built, strict=True):
        embedder = TaskEmbedder(how.device, how.precision, progress=progress)
        prepared = PreparedTask(task, stores[system.info.sample_rate])
        embedded.append(Embedded(system, embedder.captions(system, task), embedder.clips(system, prepared)))

    pairs = draw_pairs(np.array([query.clip for query in dataset.queries]), len(dataset.clips))
    similarities = [_mean_similarity([one], [1.0])[pairs.captions, pairs.clips] for one in embedded]
    weights = fit_weights(np.stack(similarities, axis=1), pairs.matching)
    fitted = equal.model_copy(update={"weights": weights}) if weights else equal
    reached, reached_equal = (_primary(task, embedded, weighting) for weighting in (fitted, equal))
    better = reached.value > reached_equal.value
    name = reached.name

    kept = fitted if better else equal
    written = kept.model_copy(
        update={
            "members": tuple(_seen_from(out / kept.name, member, folder) for member in kept.members),
            "trained_on": tuple(dict.fromkeys((*kept.trained_on, dataset.name))),
        }
    )
    counting = [system for system, share in zip(systems, kept.shares, strict=True) if share]
    trained = {
        "dataset": dataset.name,
        "validation": {"captions_digest": dataset.digest, "audio_digest": store.files_digest(dataset.clips)},
        "pairs": {
            "matching": int(pairs.matching.sum()),
            "not_matching": int((~pairs.matching).sum()),
            "seed": SEED,
        },
        "fitted": weights and {"weights": weights, name: reached.value},
        "equal": {name: reached_equal.value},
        "kept": "fitted" if better else "equal",
        "system_digest": fuse(written, counting).info.digest,
        "packages": {package: version(package) for package in ("numpy", "scikit-learn")},
    }
    path = export(out / kept.name, written.model_dump(mode="json", exclude_defaults=True), trained)
    by_equal = f"{path}: {name} {reached_equal.value:.4f} by equal weights"
    if weights is None:
        return f"{by_equal} on the validation split; no member tells there what belongs together"
    by_fitted = f"{reached.value:.4f} by fitted ones ({', '.join(f'{weight:g}' for weight in weights)})"
    return f"{by_equal}, {by_fitted} on the validation split; kept the {trained['kept']} ones"


def draw_pairs(own_clip: NDArray[np.int64], clips: int) -> Pairs:
    """Every caption with its own clip, and captions with other clips, drawn without repetition.

    Args:
        own_clip: the clip each caption was written for, shape `(captions,)`.
        clips: how many there are.

    Returns:
        At most `NON_MATCHING` pairs that do not belong together, all there are where they are fewer; the same pairs
        every time.
    """
    others = len(own_clip) * (clips - 1)
    drawn = np.random.default_rng(SEED).choice(others, min(others, NON_MATCHING), replace=False)
    caption, position = np.divmod(np.sort(drawn), clips - 1)
    other_clip = position + (position >= own_clip[caption])
    return Pairs(
        captions=np.concatenate([np.arange(len(own_clip)), caption]),
        clips=np.concatenate([own_clip, other_clip]),
        matching=np.arange(len(own_clip) + len(drawn)) < len(own_clip),
    )


def fit_weights(similarities: Array, matching: NDArray[np.bool_]) -> tuple[float, ...] | None:
    """Weights by which the mean similarity tells best whether a pair belongs together.

    The regression sees every member's similarities at mean 0 and variance 1, so that its penalty treats all alike; a
    coefficient divided by the standard deviation is the weight of the similarity as it is. While coefficients are
    negative the member of the lowest leaves and the others are fitted again.

    Args:
        similarities: shape `(pairs, members)`.
        matching: which pairs belong together, shape `(pairs,)`.

    Returns:
        Weights of sum 1 but for rounding, one a member; `None` where no member has a positive one.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    left = list(range(similarities.shape[1]))
    while left:
        scaler = StandardScaler().fit(similarities[:, left].astype(np.float64))
        standardised = scaler.transform(similarities[:, left])
        coefficients = LogisticRegression(max_iter=1_000).fit(standardised, matching).coef_[0]
        if coefficients.min() >= 0:
            break
        del left[int(coefficients.argmin())]
    else:
        return None
    weights = np.zeros(similarities.shape[1])
    weights[left] = coefficients / scaler.scale_
    if not weights.any():
        return None
    return tuple((weights / weights.sum()).round(DIGITS).tolist())


def _mean_similarity(embedded: Sequence[Embedded], shares: Sequence[float]) -> Array:
    """The mean of the members' similarities, shape `(captions, clips)`: 22 MB on Clotho's validation split."""
    mean = np.zeros((len(embedded[0].text), len(embedded[0].audio)), np.float32)
    for one, share in zip(embedded, shares, strict=True):
        if share:
            add_similarity(mean, share, *one)
    return mean


def _primary(task: RetrievalTask, embedded: Sequence[Embedded], card: FusionCard) -> MeasureRecord:
    return measure(task, pair_tiles(task, _mean_similarity(embedded, card.shares))).measures[0]


def _seen_from(new_folder: Path, member: str, folder: Path) -> str:
    """A member as a card in the new folder has to name it; a path that is not absolute goes from there."""
    if not is_card(member) or Path(member).is_absolute():
        return member
    return relpath((folder / member).resolve(), new_folder.resolve())
