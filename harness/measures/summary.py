"""From ranks to what is reported: every measure with both bounds for ties and a 95 % interval over clips."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, FiniteFloat, model_validator

from harness.machine import html_table
from harness.measures.measure import Measure, Ties
from harness.measures.ranking import Ranks
from harness.measures.statistics import intervals

_ROUNDING = 1e-9


class MeasureRecord(BaseModel, frozen=True, extra="forbid", from_attributes=True):
    """A measure: `value` counts ties against the system, `optimistic` for it; `low` to `high` is its 95 % interval."""

    name: str
    value: FiniteFloat
    optimistic: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if not self.low - _ROUNDING <= self.value <= min(self.high, self.optimistic) + _ROUNDING:
            raise ValueError(
                f"{self.name} is {self.value} where its interval is from {self.low} to {self.high}, and it is "
                f"{self.optimistic} where ties count for the system"
            )
        return self

    def __str__(self) -> str:
        """Its name, its value and its interval."""
        return f"{self.name} {self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def measures_html(title: str, measures: Sequence[MeasureRecord], notes: Sequence[str] = ()) -> str:
    """Measures as a table for a notebook, with notes below it."""
    rows = [(one.name, f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}") for one in measures]
    return html_table(title, ("measure", "value", "95 %"), rows, notes)


def per_query_values(ranks: Ranks, measures: Sequence[Measure], ties: Ties = "pessimistic") -> NDArray[np.float64]:
    """Every measure for every query, shape `(queries, measures)`."""
    return np.stack([measure(ranks, ties) for measure in measures], axis=1)


def summarise(ranks: Ranks, measures: Sequence[Measure], clusters: NDArray[np.int64]) -> tuple[MeasureRecord, ...]:
    """Average every measure over the queries.

    Args:
        ranks: of the relevant items of each query.
        measures: at least one.
        clusters: the clip each query belongs to, shape `(queries,)`; intervals resample clips.

    >>> from harness.measures.measure import parse_measure
    >>> from harness.measures.ranking import rank_scores
    >>> from harness.protocols.relevance import Relevance
    >>> ranks = rank_scores(np.array([[0.9, 0.1], [0.5, 0.5]]), Relevance.from_lists([[0], [0]]))
    >>> summarise(ranks, [parse_measure("R@1")], np.array([0, 0]))
    (MeasureRecord(name='R@1', value=0.5, optimistic=1.0, low=0.5, high=0.5),)
    """
    values = per_query_values(ranks, measures)
    best = per_query_values(ranks, measures, "optimistic").mean(axis=0)
    bounds = intervals(values, clusters)
    return tuple(
        MeasureRecord(name=str(measure), value=value, optimistic=optimistic, low=low, high=high)
        for measure, value, optimistic, (low, high) in zip(
            measures, values.mean(axis=0).tolist(), best.tolist(), bounds.tolist(), strict=True
        )
    )
