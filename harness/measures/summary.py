"""From ranks to what is reported: every measure with both bounds for ties and a 95 % interval over clips."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, FiniteFloat, model_validator

from harness.machine import html_table
from harness.measures.measure import Measure, is_median
from harness.measures.ranking import Ranks, Ties
from harness.measures.statistics import bootstrap_medians, intervals

_ROUNDING = 1e-9


class MeasureRecord(BaseModel, frozen=True, extra="forbid", from_attributes=True):
    """A measure: `value` counts ties against the system, `optimistic` for it; `low` to `high` is its 95 % interval.

    A larger value is better, but of a median rank a smaller one.
    """

    name: str
    value: FiniteFloat
    optimistic: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        within = self.low - _ROUNDING <= self.value <= self.high + _ROUNDING
        worse, better = sorted((self.value, self.optimistic), reverse=is_median(self.name))
        if not within or (self.value, self.optimistic) != (worse, better):
            raise ValueError(
                f"{self.name} is {self.value} where its interval is from {self.low} to {self.high}, and it is "
                f"{self.optimistic} where ties count for the system"
            )
        return self

    def __str__(self) -> str:
        """Its name, its value and its interval."""
        return "{} {} [{}, {}]".format(self.name, *self.texts(4))

    def texts(self, digits: int = 3) -> tuple[str, str, str]:
        """The value and the ends of its interval as text; ranks with one digit after the point."""
        value, low, high = (as_text(self.name, one, digits) for one in (self.value, self.low, self.high))
        return value, low, high


def as_text(name: str, value: float, digits: int = 3) -> str:
    """The value of a measure as text, with so many digits after the point; of a median rank with one.

    >>> as_text("R@1", 0.25), as_text("MedR", 12)
    ('0.250', '12.0')
    """
    return f"{value:.{1 if is_median(name) else digits}f}"


def measures_html(title: str, measures: Sequence[MeasureRecord], notes: Sequence[str] = ()) -> str:
    """Measures as a table for a notebook, with notes below it."""
    texts = {one.name: one.texts(4) for one in measures}
    rows = [(name, value, f"{low} to {high}") for name, (value, low, high) in texts.items()]
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
    best = per_query_values(ranks, measures, "optimistic")
    bounds = intervals(values, clusters)
    for column, measure in enumerate(measures):
        if measure.about.median:
            bounds[column] = intervals(values[:, [column]], clusters, bootstrap=bootstrap_medians)[0]
    return tuple(
        MeasureRecord(
            name=str(measure),
            value=float(measure.of_all(values[:, column])),
            optimistic=float(measure.of_all(best[:, column])),
            low=bounds[column, 0],
            high=bounds[column, 1],
        )
        for column, measure in enumerate(measures)
    )
