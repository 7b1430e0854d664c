"""Train a fusion: fit its weights by logistic regression on which captions and clips belong together."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array, PcmStore
from harness.datasets import load, splits_for
from harness.errors import UserError
from harness.evaluation import PreparedTask, TaskEmbedder, measure, pair_tiles
from harness.interface import BuiltSystem, RetrievalSystem, located, named_from, parse_card
from harness.machine import Progress, silent
from harness.measures import MeasureRecord
from harness.protocols import RetrievalTask
from systems.fusion import FusionCard, add_similarity, build_members, fuse
from systems.training.data.decoding import LeftOut, decoded, to_json
from systems.training.data.training_set import task_on
from systems.training.export import export

NON_MATCHING = 200_000
"""Number of pairs that do not belong together and are drawn, at most."""

SEED = 0
DIGITS = 4
"""Decimals of the fitted weights; a member whose weight rounds to 0 is not worth computing."""


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


class Fitted(NamedTuple):
    """Fitted weights, the pairs they were fitted to, and what they and equal weights reach on the validation split.

    Where no member tells what belongs together, `weights` is `None`, and both reach the same.
    """

    pairs: Pairs
    weights: tuple[float, ...] | None
    reached: MeasureRecord
    reached_equal: MeasureRecord

    @property
    def kept(self) -> str:
        """Which weights are kept: `fitted` where they reach more, else `equal`."""
        return "fitted" if self.reached.value > self.reached_equal.value else "equal"


def train_fusion(
    card: Mapping[str, object],
    folder: Path,
    out: Path,
    data_root: Path,
    progress: Progress = silent,
    *,
    skip_broken: bool = False,
) -> str:
    """Fit weights on the validation split and write `out/<name>/{card.yaml,training.json}`.

    Fitted weights are kept where they reach more on that split than equal ones; weights that the card has do not count.
    Every member gets the clips at its own sampling rate, so that embeddings kept by an evaluation serve here too.

    Returns:
        A line that names the written card and says what both weightings reach.

    Raises:
        UserError: the card does not fit, members cannot be built or fused, data are missing, or broken and not to be
            skipped, or the folder cannot be written.
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
    stores = {rate: PcmStore.of(dataset.name, rate) for rate in {system.info.sample_rate for system in systems}}
    broken: tuple[LeftOut, ...] = ()
    for store in stores.values():
        # What is broken at one rate is so at all of them, and is left out at the first.
        dataset, more = decoded(dataset, store, progress, skip_broken=skip_broken)
        broken += more
    if len(dataset.clips) < 2:
        raise UserError(f"{dataset.name} {dataset.split} has one clip; a fusion is fitted on what tells clips apart")
    task = task_on(dataset)
    embedded = [
        _embedded(system, how, PreparedTask(task, stores[system.info.sample_rate], dataset=dataset), progress)
        for system, how in zip(systems, built, strict=True)
    ]
    own_clip = np.array([query.clip for query in dataset.queries])
    fitted = _fitted(task, embedded, draw_pairs(own_clip, len(dataset.clips)), equal)
    kept = equal.model_copy(update={"weights": fitted.weights}) if fitted.kept == "fitted" else equal
    kept = kept.model_copy(update={"trained_without": tuple(map(str, broken))})
    written = _written(kept, dataset.name, folder, out / kept.name)
    counting = [system for system, share in zip(systems, kept.shares, strict=True) if share]
    digests = {"captions_digest": dataset.digest, "audio_digest": store.files_digest(dataset.clips)}
    path = export(
        out / kept.name,
        written.model_dump(mode="json", exclude_defaults=True),
        {"dataset": dataset.name, "validation": digests, "broken": to_json(broken)}
        | _record(fitted, fuse(written, counting).info.digest),
    )
    return f"{path}: {_summary(fitted)}"


def _embedded(system: RetrievalSystem, how: BuiltSystem, prepared: PreparedTask, progress: Progress) -> Embedded:
    embedder = TaskEmbedder(how.device, how.precision, progress=progress)
    prepared = prepared.described(system.info.uses)
    return Embedded(system, embedder.captions(system, prepared.task), embedder.clips(system, prepared))


def _written(card: FusionCard, dataset: str, folder: Path, home: Path) -> FusionCard:
    """The card of the trained fusion: the same, with its members' paths as they are from its own folder."""
    members = tuple(
        member if Path(member).is_absolute() else named_from(home, located(member, folder)) for member in card.members
    )
    trained_on = tuple(dict.fromkeys((*card.trained_on, dataset)))
    return card.model_copy(update={"members": members, "trained_on": trained_on})


def _fitted(task: RetrievalTask, embedded: Sequence[Embedded], pairs: Pairs, equal: FusionCard) -> Fitted:
    """Fit weights to pairs; measure them, and those of the card `equal`, on the whole task."""
    similarities = [_mean_similarity([one], [1.0])[pairs.captions, pairs.clips] for one in embedded]
    weights = fit_weights(np.stack(similarities, axis=1), pairs.matching)
    fitted = equal.model_copy(update={"weights": weights}) if weights else equal
    return Fitted(pairs, weights, _primary(task, embedded, fitted), _primary(task, embedded, equal))


def _record(fitted: Fitted, system_digest: str | None) -> dict[str, object]:
    """How the weights were found, for `training.json`."""
    pairs, name = fitted.pairs, fitted.reached.name
    return {
        "pairs": {
            "matching": int(pairs.matching.sum()),
            "not_matching": int((~pairs.matching).sum()),
            "seed": SEED,
        },
        "fitted": fitted.weights and {"weights": fitted.weights, name: fitted.reached.value},
        "equal": {name: fitted.reached_equal.value},
        "kept": fitted.kept,
        "system_digest": system_digest,
        "packages": {package: version(package) for package in ("numpy", "scikit-learn")},
    }


def _summary(fitted: Fitted) -> str:
    by_equal = f"{fitted.reached.name} {fitted.reached_equal.value:.4f} by equal weights"
    if fitted.weights is None:
        return f"{by_equal} on the validation split; no member tells there what belongs together"
    weights = ", ".join(f"{weight:g}" for weight in fitted.weights)
    by_fitted = f"{fitted.reached.value:.4f} by fitted ones ({weights})"
    return f"{by_equal}, {by_fitted} on the validation split; kept the {fitted.kept} ones"


def draw_pairs(own_clip: NDArray[np.int64], clips: int) -> Pairs:
    """Every caption with its own clip, and captions with other clips, drawn without repetition.

    Args:
        own_clip: the clip each caption was written for, shape `(captions,)`.
        clips: how many there are.

    Returns:
        All pairs that belong together; with them `NON_MATCHING` pairs that do not, or all of these where there are
        fewer. The same pairs every time.
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
    """Fit the weights of the mean similarity from which it is best told whether a pair belongs together.

    Each member's similarities are scaled to mean 0 and variance 1 for the regression, so that its penalty treats all
    members alike; a coefficient divided by the standard deviation is then the weight of the unscaled similarity. While
    any coefficient is negative, the member with the lowest one is left out and the others are fitted again.

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
