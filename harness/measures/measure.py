"""Measures of retrieval quality, computed from the ranks of the relevant items."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import UserError, nearest
from harness.measures.kinds import MEASURES, UNRANKED, Kind, Values
from harness.measures.ranking import Ranks, Ties
from harness.protocols import Protocol


@dataclass(frozen=True, order=True, slots=True)
class Measure:
    """A measure of `MEASURES` and its cut-off rank, which is `UNRANKED` where it has none.

    >>> measure = parse_measure("mAP@10")
    >>> str(measure), measure == Measure("mAP", 10), str(parse_measure("MRR"))
    ('mAP@10', True, 'MRR')
    """

    kind: str
    cutoff: int = UNRANKED

    def __str__(self) -> str:
        return self.kind if self.cutoff == UNRANKED else f"{self.kind}@{self.cutoff}"

    @property
    def about(self) -> Kind:
        """Its formula, its source, and how it is used."""
        return MEASURES[self.kind]

    def __call__(self, ranks: Ranks, ties: Ties = "pessimistic") -> Values:
        """The value for each query, shape `(queries,)`; `of_all` makes the measure of them.

        A query of which no item is relevant enough counts 0, as in trec_eval, and has the last of all ranks.

        >>> from harness.protocols.relevance import Relevance
        >>> from harness.measures.ranking import ranks_from_lists
        >>> ranks = ranks_from_lists([[3, 1, 0], [1, 2, 0]], Relevance.from_lists([[0, 3], [0]]), n_items=4)
        >>> [parse_measure(name)(ranks).round(3).tolist() for name in ("mAP@10", "R@1", "Hit@1")]
        [[0.833, 0.333], [0.5, 0.0], [1.0, 0.0]]
        """
        about = self.about
        found, asked = ranks.found(ties, graded=about.graded)
        if asked.all() and len(asked):
            return about.of_query(found, self.cutoff)
        values = np.full(len(ranks), float(UNRANKED) if about.median else 0.0)
        if asked.any():
            values[asked] = about.of_query(found, self.cutoff)
        return values

    def of_all(self, values: Values) -> Values:
        """The measure from its values for queries, along the first axis: their mean, or their median."""
        of_all: Values = np.median(values, axis=0) if self.about.median else np.mean(values, axis=0)
        return of_all


def parse_measure(text: str) -> Measure:
    """Read a measure from its name.

    Raises:
        UserError: there is no such measure.
    """
    match = re.fullmatch(r"([A-Za-z]\w*?)(?:(@?)([1-9][0-9]*))?", text, re.ASCII)
    if match is not None and match[1] in MEASURES and match[2] != "":
        cut, wanted = match[3] is not None, MEASURES[match[1]].cutoff
        if wanted == "either" or (wanted == "always") == cut:
            return Measure(match[1], int(match[3]) if cut else UNRANKED)
    near = nearest(match[1], MEASURES) if match else None
    hint = f"did you mean {_example(near, match[3])}? " if match and near else ""
    known = ", ".join(_example(kind, "k") for kind in MEASURES)
    raise UserError(f"unknown measure {text!r}; {hint}known are {known} with a whole number k from 1, as in mAP@10")


def _example(kind: str, cutoff: str | None) -> str:
    return kind if MEASURES[kind].cutoff == "never" else f"{kind}@{cutoff or 10}"


def is_median(name: str) -> bool:
    """Whether a measure is a median over queries, and better if it is smaller; a name that is not known is none.

    >>> is_median("MedR"), is_median("R@10"), is_median("F1")
    (True, False, False)
    """
    kind = MEASURES.get(name.partition("@")[0])
    return kind is not None and kind.median


def measures_of(protocol: Protocol) -> tuple[Measure, ...]:
    """The measures of a protocol, the primary one first.

    Raises:
        UserError: there is no such measure, one is there twice, or systems cannot be ordered and compared by the first.
    """
    try:
        measures = tuple(map(parse_measure, protocol.measures))
    except UserError as error:
        raise UserError(f"protocol {protocol.name}: {error}") from None
    if twice := _twice(measures):
        raise UserError(f"protocol {protocol.name}: measures has {twice} twice; leave one out")
    if not measures or measures[0].about.median:
        raise UserError(
            f"protocol {protocol.name}: its first measure, by which systems are ordered and compared, is "
            f"{measures[0] if measures else 'missing'}; expected one that is a mean over queries, such as mAP@10"
        )
    return measures


def _twice(measures: Sequence[Measure]) -> str:
    return next((str(one) for place, one in enumerate(measures) if one in measures[:place]), "")
