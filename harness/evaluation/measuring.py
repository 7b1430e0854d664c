"""From the scores of a task to ranks, measures and the best items, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.audio import Array
from harness.errors import UserError
from harness.interface import RetrievalSystem, guarded_score, unequal_widths
from harness.machine import Progress, silent
from harness.measures import (
    BelowChance,
    MeasureRecord,
    Ranks,
    below_chance,
    measures_of,
    rank_tiles,
    score_tiles,
    summarise,
    top_k,
)
from harness.protocols import RetrievalTask

KEPT_RANKS = 100
"""How many of the best items of every query are kept."""

_ROWS_PER_TILE = 1024


@dataclass(frozen=True, eq=False)
class Measurement:
    """How well a system does on a task.

    Attributes:
        measures: the measures of the protocol, in its order.
        ranks: ranks of the relevant items.
        best: indices of the best items of every query, best first, shape `(queries, at most KEPT_RANKS)`.
        best_scores: their scores.
        below_chance: the first measure beside a random order's, where it is significantly worse.
    """

    measures: tuple[MeasureRecord, ...]
    ranks: Ranks
    best: NDArray[np.int64]
    best_scores: Array
    below_chance: BelowChance | None = None


Tiles = Iterator[tuple[slice, Array]]
"""Consecutive queries, and their scores with all items, shape `(queries of the tile, items)`."""


def measure(task: RetrievalTask, tiles: Tiles, *, progress: Progress = silent) -> Measurement:
    """Rank every item for every query, in one pass over the scores.

    Args:
        task: queries, items and relevance.
        tiles: the scores, from `embedding_tiles` or `pair_tiles`.
        progress: opened for the ranking.

    Raises:
        UserError: a score is not finite.
    """
    kept = min(KEPT_RANKS, len(task.items))
    best = np.empty((len(task.queries), kept), np.int64)
    best_scores = np.empty((len(task.queries), kept), np.float32)
    advance = progress("rank", len(task.queries))

    def keep_best() -> Tiles:
        for rows, scores in tiles:
            best[rows], best_scores[rows] = top_k(scores, kept)
            yield rows, scores
            advance(len(scores))

    ranks = rank_tiles(keep_best(), task.relevance)
    measures = measures_of(task.protocol)
    worse = below_chance(ranks, measures[0], task.clusters, task.ranked)
    return Measurement(summarise(ranks, measures, task.clusters), ranks, best, best_scores, worse)


def embedding_tiles(system: RetrievalSystem, task: RetrievalTask, audio: Array, text: Array) -> Tiles:
    """Scores from the embeddings of the task's clips, `(clips, d)`, and captions, `(captions, d)`.

    Raises:
        UserError: the two sides are of different widths, or the system's own `score` fails.
    """
    score = guarded_score(system)
    if score is None and audio.shape[1] != text.shape[1]:
        raise UserError(unequal_widths(system.info.name, audio, text))
    if task.protocol.direction == "text-to-audio":
        return score_tiles(text, audio, score)
    return score_tiles(audio, text, score and (lambda clips, captions: score(captions, clips).T))


def pair_tiles(task: RetrievalTask, scores: Array) -> Tiles:
    """Scores from a whole matrix, shape `(captions, clips)`."""
    oriented = scores if task.protocol.direction == "text-to-audio" else scores.T
    for start in range(0, len(oriented), _ROWS_PER_TILE):
        tile = slice(start, min(start + _ROWS_PER_TILE, len(oriented)))
        yield tile, np.ascontiguousarray(oriented[tile])
