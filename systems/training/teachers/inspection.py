"""Inspect estimates: the clips that a caption is estimated to match, and how well estimates agree with the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.datasets import read_annotations
from harness.errors import UserError
from harness.measures import intervals, parse_measure, rank_tiles
from harness.protocols import Relevance
from systems.training.data.training_set import Indices, TrainingSet
from systems.training.teachers.correspondences import Teacher, estimate

_CAPTIONS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Match:
    """A clip that a caption is estimated to match.

    Attributes:
        clip: its name.
        estimate: mean of the teachers' cosines.
        own: whether the caption was written for it.
        true: whether the caption is true of it; `None` where that is not known.
    """

    clip: str
    estimate: float
    own: bool
    true: bool | None


def truth_of(data: TrainingSet) -> list[set[int]] | None:
    """The clips each caption is true of, for data sets with a file `relevance_<split>.csv` beside their captions.

    Returns:
        One set of clip indices a caption; `None` where a data set has no such file.
    """
    truth: list[set[int]] = []
    first = 0
    for dataset in data.datasets:
        path = dataset.root / f"relevance_{dataset.split}.csv"
        if not path.is_file():
            return None
        asked, relevant = read_annotations(path, dataset)
        of_caption = dict(zip(asked, relevant, strict=True))
        truth += [{first + clip for clip in of_caption.get(index, ())} for index in range(len(dataset.queries))]
        first += len(dataset.clips)
    return truth


def find_caption(data: TrainingSet, text: str) -> int:
    """The index of the caption with this text, or of the only one that contains it.

    Raises:
        UserError: none does, or several do.
    """
    equal = [index for index, caption in enumerate(data.captions) if caption == text]
    holding = equal or [index for index, caption in enumerate(data.captions) if text.lower() in caption.lower()]
    if not holding:
        raise UserError(f"no caption is {text!r} or contains it; give one of the training captions, or a part of one")
    if len(holding) > 1 and not equal:
        first = "; ".join(data.captions[index] for index in holding[:3])
        raise UserError(f"{len(holding)} captions contain {text!r}, the first: {first}; give more of yours")
    return holding[0]


def best_matches(teachers: Sequence[Teacher], data: TrainingSet, caption: int, most: int) -> list[Match]:
    """The clips a caption is estimated to match, best first."""
    estimates = estimate(teachers, np.arange(len(data.clips)), np.array([caption]), "cpu")[:, 0].numpy()
    truth = truth_of(data)
    return [
        Match(
            data.clips[clip][1].name,
            float(estimates[clip]),
            bool(data.owners[caption] == clip),
            None if truth is None else int(clip) in truth[caption],
        )
        for clip in np.argsort(-estimates, kind="stable")[:most]
    ]


@dataclass(frozen=True, slots=True)
class Value:
    """A mean over captions, with its 95 % interval by a bootstrap over clips."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The mean average precision of clips ranked for each training caption, by two rankings.

    The other clips of a caption are those that it was not written for. They count for the captions that are true of at
    least one of them.

    Attributes:
        estimated: all clips, ranked by the teachers' estimates.
        assumed: all clips, ranked by the usual assumption that a caption matches its own clip alone: that clip first,
            then all others as ties, which count against it.
        others_estimated: the other clips, ranked by the teachers' estimates.
        others_assumed: the other clips in a random order, since the usual assumption does not rank them.
        matches: number of clips a caption is true of, on average.
    """

    estimated: Value
    assumed: Value
    others_estimated: Value
    others_assumed: Value
    matches: float


def agreement(teachers: Sequence[Teacher], data: TrainingSet) -> Agreement:
    """Compare estimates with the truth, on the training data themselves.

    Raises:
        UserError: a data set does not say which clips its captions are true of.
    """
    truth = truth_of(data)
    if truth is None:
        raise UserError("what is true is known of `everyday` only; expected a card that trains on that alone")
    owners, clips = data.owners, np.arange(len(data.clips))
    others = [sorted(of_caption - {int(owner)}) for of_caption, owner in zip(truth, owners, strict=True)]
    found = np.array([index for index, of_caption in enumerate(others) if of_caption], np.int64)

    def estimates(rows: Indices) -> Array:
        scores: Array = estimate(teachers, clips, rows, "cpu").T.numpy()
        return scores

    everything = [sorted(of_caption) for of_caption in truth]
    captions = np.arange(len(truth))
    of_found = [others[index] for index in found]
    by_chance = np.array([expected_precision(len(of_caption), len(clips) - 1) for of_caption in of_found])
    return Agreement(
        _precision(estimates, everything, captions, data),
        _precision(lambda rows: (owners[rows, None] == clips).astype(np.float32), everything, captions, data),
        # A caption's own clip comes last, below any cosine, where it does not count.
        _precision(
            lambda rows: np.where(owners[rows, None] == clips, np.float32(-2), estimates(rows)), of_found, found, data
        ),
        _value(by_chance, owners[found]),
        sum(map(len, everything)) / len(everything),
    )


def _precision(
    scores: Callable[[Indices], Array], relevant: list[list[int]], captions: Indices, data: TrainingSet
) -> Value:
    """Mean average precision of the clips ranked by `scores` for each of these captions, a tile of them at a time."""
    steps = range(0, len(captions), _CAPTIONS_AT_ONCE)
    slices = (slice(step, min(step + _CAPTIONS_AT_ONCE, len(captions))) for step in steps)
    tiles = ((rows, scores(captions[rows])) for rows in slices)
    values = parse_measure(f"mAP@{len(data.clips)}")(rank_tiles(tiles, Relevance.from_lists(relevant)))
    return _value(values, data.owners[captions])


def expected_precision(relevant: int, items: int) -> float:
    """Average precision of a random order, on average over all orders.

    Of N `items` R are `relevant`. The item at rank k is relevant with probability R / N, and then
    (k - 1)(R - 1) / (N - 1) of the k - 1 items before it are relevant on average. So the expected average precision is
    1 / R · Σₖ R / N · (1 + (k - 1)(R - 1) / (N - 1)) / k.

    >>> expected_precision(1, 2), expected_precision(3, 3)
    (0.75, 1.0)
    """
    if items == 1:
        return 1.0
    harmonic = float((1 / np.arange(1, items + 1)).sum())
    return float((harmonic + (relevant - 1) / (items - 1) * (items - harmonic)) / items)


def _value(values: NDArray[np.float64], clusters: Indices) -> Value:
    ((low, high),) = intervals(values[:, None], clusters)
    return Value(float(values.mean()), float(low), float(high))
