"""What a comparison says beyond who is better: how many runs a difference takes, and whether other rules agree."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.measures import runs_needed
from harness.protocols import PROTOCOLS, Protocol, recorded_protocol
from harness.runs import EvaluationRecord
from leaderboard.runs import Board


@dataclass(frozen=True, slots=True)
class Seeds:
    """Several runs of one system, such as those trained with different seeds, by the primary measure.

    Attributes:
        system: its name.
        measure: name of the measure.
        runs: how many runs there are.
        mean: of the runs.
        deviation: standard deviation between the runs.
    """

    system: str
    measure: str
    runs: int
    mean: float
    deviation: float

    def needed(self, difference: float) -> int | None:
        """How many runs of each of two such systems tell this difference apart; `None` for no difference."""
        return runs_needed(self.deviation, difference)


def seeds_of(records: Sequence[EvaluationRecord]) -> tuple[Seeds, ...]:
    """The systems of which there are several runs, told by their name, in the order of the records."""
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        values[record.system.name].append(record.primary.value)
    measure = records[0].protocol.primary
    return tuple(
        Seeds(name, measure, len(found), float(np.mean(found)), float(np.std(found, ddof=1)))
        for name, found in values.items()
        if len(found) > 1
    )


def lines_on_seeds(seeds: Sequence[Seeds], detectable: float) -> Iterator[str]:
    """A line on each system with several runs, and one on how many runs the difference of two of them takes.

    Args:
        seeds: the systems.
        detectable: the least difference that the clips of the protocol tell apart.
    """
    for one in seeds:
        needed = one.needed(detectable)
        takes = (
            f"; to tell {detectable:.3f} apart, the least that the clips show, takes {needed} of each" if needed else ""
        )
        yield (
            f"{one.system}: {one.runs} runs, {one.measure} {one.mean:.3f} with a standard deviation of "
            f"{one.deviation:.4f} between them{takes}."
        )
    for first, second in combinations(seeds, 2):
        deviation = float(np.sqrt((first.deviation**2 + second.deviation**2) / 2))
        needed = runs_needed(deviation, first.mean - second.mean)
        if needed:
            yield (
                f"{first.system} and {second.system} differ by {abs(first.mean - second.mean):.3f} on average, which "
                f"takes {needed} runs of each (t-test over runs, 80 % power)."
            )


@dataclass(frozen=True, slots=True)
class OtherRules:
    """The order of systems under rules by which several clips may be relevant to a caption.

    Attributes:
        protocol: name of these rules.
        measure: the measure by which it orders.
        missing: systems that were not evaluated by these rules; the rest is empty where there are any.
        reversed: pairs of systems that stand the other way round, the one that is better by the compared rules first.
        pairs: how many pairs there are.
    """

    protocol: str
    measure: str
    missing: tuple[str, ...] = ()
    reversed: tuple[tuple[str, str], ...] = ()
    pairs: int = 0

    def __str__(self) -> str:
        where = f"{self.protocol}, by which several clips may be relevant"
        if self.missing:
            return (
                f"Not known under {where}: `lbar eval {' '.join(self.missing)} --protocol {self.protocol}` tells "
                "whether the order holds."
            )
        if not self.reversed:
            return f"The order holds under {where} ({self.measure})."
        turned = ", ".join(f"{first} and {second}" for first, second in self.reversed)
        count = f"{len(self.reversed)} of {self.pairs} pairs"
        return f"{count} stand the other way round under {where} ({self.measure}): {turned}."


def order_under_other_rules(
    records: Sequence[EvaluationRecord], systems: Sequence[str], board: Board
) -> tuple[OtherRules, ...]:
    """Look whether the order of systems holds by rules with several relevant clips, on the same clips and captions.

    Args:
        records: of the compared runs, best first.
        systems: their names, made unique.
        board: the runs among which those by other rules are looked for.
    """
    compared = recorded_protocol(records[0].protocol.name, records[0].protocol.rules)
    if compared is None or compared.annotations or compared.queries:
        return ()
    return tuple(_order(rules, records, systems, board) for rules in PROTOCOLS.values() if _widens(rules, compared))


def _widens(rules: Protocol, compared: Protocol) -> bool:
    same = (rules.dataset, rules.split, rules.direction) == (compared.dataset, compared.split, compared.direction)
    return same and bool(rules.annotations) and rules.queries is None and rules.relevant_from is None


def _order(rules: Protocol, records: Sequence[EvaluationRecord], systems: Sequence[str], board: Board) -> OtherRules:
    found = {
        _identity(row.record): row.record.primary.value
        for row in board.rows
        if row.record.protocol.digest == rules.digest
    }
    values = [found.get(_identity(record)) for record in records]
    missing = tuple(record.system.name for record, value in zip(records, values, strict=True) if value is None)
    if missing:
        return OtherRules(rules.name, rules.primary, tuple(dict.fromkeys(missing)))
    pairs = list(combinations(zip(systems, values, strict=True), 2))
    turned = [(one, other) for (one, value), (other, theirs) in pairs if (value or 0) < (theirs or 0)]
    return OtherRules(rules.name, rules.primary, (), tuple(turned), len(pairs))


def _identity(record: EvaluationRecord) -> tuple[str | None, ...]:
    return record.system.name, record.system.digest, record.settings.precision, record.dataset.audio_digest
