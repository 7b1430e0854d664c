"""What teachers estimate, looked at: for a caption the clips it is said to match, and how well that is true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.datasets.annotations import read_annotations
from harness.errors import UserError
from harness.measures import parse_measure
from harness.ranking import rank_tiles
from harness.relevance import Relevance
from harness.system import Array
from systems.training.correspondences import Teacher, estimate
from systems.training.data import TrainingSet

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
    """The clips each caption is true of, where a data set knows (`relevance_<split>.csv` beside its captions).

    Returns:
        One set of clip indices a caption; `None` where not all data sets know.
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
    """The caption that reads like this, or the only one that holds it.

    Raises:
        UserError: none does, or several do.
    """
    equal = [index for index, caption in enumerate(data.captions) if caption == text]
    holding = equal or [index for index, caption in enumerate(data.captions) if text.lower() in caption.lower()]
    if not holding:
        raise UserError(f"no caption reads {text!r} or holds it; give one of the training captions, or a part of one")
    if len(holding) > 1 and not equal:
        first = "; ".join(data.captions[index] for index in holding[:3])
        raise UserError(f"{len(holding)} captions hold {text!r}, the first: {first}; give more of the one you mean")
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
class Agreement:
    """How well clips ranked for each caption agree with the truth, as mean average precision over all clips.

    Attributes:
        estimated: ranked by the teachers' estimates.
        assumed: ranked by the usual assumption: the caption's own clip, then all others alike, ties counted against it.
        matches: how many clips a caption is true of, on average.
    """

    estimated: float
    assumed: float
    matches: float


def agreement(teachers: Sequence[Teacher], data: TrainingSet) -> Agreement:
    """Hold estimates against the truth, on the training data themselves.

    Raises:
        UserError: the truth is not known of all data.
    """
    truth = truth_of(data)
    if truth is None:
        raise UserError("what is true is known of `everyday` only; expected a card that trains on that alone")
    relevance = Relevance.from_lists([sorted(clips) for clips in truth])
    measure = parse_measure(f"mAP@{len(data.clips)}")

    def estimated() -> Iterator[tuple[slice, Array]]:
        for start in range(0, len(data.captions), _CAPTIONS_AT_ONCE):
            rows = np.arange(start, min(start + _CAPTIONS_AT_ONCE, len(data.captions)))
            yield slice(start, start + len(rows)), estimate(teachers, np.arange(len(data.clips)), rows, "cpu").T.numpy()

    def assumed() -> Iterator[tuple[slice, Array]]:
        for start in range(0, len(data.captions), _CAPTIONS_AT_ONCE):
            owners = data.owners[start : start + _CAPTIONS_AT_ONCE]
            yield (
                slice(start, start + len(owners)),
                (owners[:, None] == np.arange(len(data.clips))).astype(np.float32),
            )

    return Agreement(
        float(measure(rank_tiles(estimated(), relevance)).mean()),
        float(measure(rank_tiles(assumed(), relevance)).mean()),
        float(relevance.counts.mean()),
    )
