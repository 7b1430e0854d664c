"""Print the table of what each stage of the small systems reaches, on average over seeds.

    python tools/tabulate_stages.py everyday runs/seed-0 runs/seed-1 runs/seed-2

Each folder holds the runs of all systems with one seed: the nine, and the three whose stage 1 goes on. A difference has
a star where it is there beyond chance: by a permutation over clips, corrected after Holm over all differences of single
encoders.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.measures import bootstrap_means, difference_intervals, holm, intervals, sign_flip_p_values
from leaderboard.runs import find_rows, read_answers

STAGES = {"stage 1": "", "stage 1 goes on": "-longer", "self-distilled": "-m1", "ensemble-distilled": "-m3"}
ROWS = {
    title: [f"tiny-{encoder}{stage}" for stage in STAGES.values()]
    for title, encoder in (("PaSST", "passt"), ("ATST-Frame", "atst"), ("MobileNet", "mn"))
}


CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, or a difference of means, with its 95 % interval from a bootstrap over clips."""

    value: float
    low: float
    high: float

    def to_text(self, *, signed: bool = False) -> str:
        """The value and its interval, as a table shows them.

        >>> Estimate(0.25, 0.125, 0.5).to_text()
        '0.250 [0.125, 0.500]'
        """
        sign = "+" if signed else ""
        return f"{self.value:{sign}.3f} [{self.low:{sign}.3f}, {self.high:{sign}.3f}]"


@dataclass(frozen=True)
class SeedMeans:
    """The measures of systems for each seed and query.

    Attributes:
        systems: names of the systems.
        measures: names of the measures, in the protocol's order.
        clusters: a number per query, equal for queries of one clip, shape `(queries,)`.
        values: shape `(seeds, measures, queries, systems)`.
    """

    systems: tuple[str, ...]
    measures: tuple[str, ...]
    clusters: NDArray[np.int64]
    values: NDArray[np.float64]

    def mean(self, system: str) -> dict[str, Estimate]:
        """The mean of a system over seeds and queries, by measure."""
        of_system = self.values.mean(axis=0)[:, :, self.systems.index(system)].T
        bounds = intervals(of_system, self.clusters)
        return {
            name: Estimate(float(value), float(low), float(high))
            for name, value, (low, high) in zip(self.measures, of_system.mean(axis=0), bounds, strict=True)
        }

    def gain(self, pairs: Sequence[tuple[str, str]], measure: str) -> Estimate:
        """The mean over pairs and seeds of the first system's measure minus the second's.

        The interval is paired: a clip is drawn together with the answers of all systems and seeds to its queries.
        """
        of_measure = self.values.mean(axis=0)[self.measures.index(measure)]
        first, second = (
            of_measure[:, [self.systems.index(pair[side]) for pair in pairs]].mean(axis=1) for side in (0, 1)
        )
        means = bootstrap_means(np.stack([first, second], axis=1), self.clusters)
        ((low, high),) = difference_intervals(means, [(0, 1)])
        return Estimate(float((first - second).mean()), float(low), float(high))

    def p_values(self, pairs: Sequence[tuple[str, str]], measure: str) -> list[float]:
        """How likely chance alone gives so large a difference between the two systems of each pair; corrected by Holm.

        The means over seeds are compared.
        """
        of_measure = self.values.mean(axis=0)[self.measures.index(measure)]
        columns = [(self.systems.index(first), self.systems.index(second)) for first, second in pairs]
        return [float(value) for value in holm(sign_flip_p_values(of_measure, self.clusters, columns))]

    def by_seed(self, system: str, measure: str) -> list[float]:
        """The mean of a system for each seed."""
        of_system = self.values[:, self.measures.index(measure), :, self.systems.index(system)]
        return [float(value) for value in of_system.mean(axis=1)]


def read_seeds(outs: Sequence[Path], systems: Sequence[str], protocol: str) -> SeedMeans:
    """Read the answers of systems, from one folder of run folders for each seed.

    Raises:
        UserError: a run is missing, or they did not answer the same queries.
    """
    answers = [read_answers(find_rows(systems, out, protocol)) for out in outs]
    first = answers[0]
    for out, one in zip(outs, answers, strict=True):
        if (one.queries, one.clips) != (first.queries, first.clips):
            raise UserError(f"{out} and {outs[0]} do not hold runs on the same queries; evaluate both again")
    return SeedMeans(tuple(systems), first.measures, first.clusters, np.stack([one.values for one in answers]))


def stage_table(seeds: SeedMeans, rows: Mapping[str, Sequence[str]], stages: Sequence[str], measure: str) -> str:
    """A table in Markdown: all measures of every system, then the gain of each stage over each earlier one.

    A gain has a star where Holm's correction over all rows and steps leaves p ≤ 0.05.

    Args:
        seeds: from `read_seeds`.
        rows: the systems of each row by the row's name, one for each stage.
        stages: names of the stages.
        measure: the measure by which stages are compared.
    """
    lines = [_line(["", "", *seeds.measures]), _line(["---"] * (2 + len(seeds.measures)))]
    for name, systems in rows.items():
        for stage, system in zip(stages, systems, strict=True):
            lines.append(_line([name, stage, *(one.to_text() for one in seeds.mean(system).values())]))
    steps = [(later, earlier) for later in range(1, len(stages)) for earlier in range(later)]
    lines += ["", _line([measure, *(f"{stages[later]} - {stages[earlier]}" for later, earlier in steps)])]
    lines.append(_line(["---"] * (1 + len(steps))))
    family = [(systems[later], systems[earlier]) for systems in rows.values() for later, earlier in steps]
    clear = {pair for pair, p in zip(family, seeds.p_values(family, measure), strict=True) if p <= CHANCE}
    for name, chosen in (*((name, [systems]) for name, systems in rows.items()), ("all", list(rows.values()))):
        cells = []
        for later, earlier in steps:
            pairs = [(systems[later], systems[earlier]) for systems in chosen]
            star = " *" if len(pairs) == 1 and pairs[0] in clear else ""
            cells.append(seeds.gain(pairs, measure).to_text(signed=True) + star)
        lines.append(_line([name, *cells]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    protocol, *folders = sys.argv[1:]
    seeds = read_seeds([Path(folder) for folder in folders], [name for row in ROWS.values() for name in row], protocol)
    sys.stdout.write(stage_table(seeds, ROWS, list(STAGES), "mAP@10") + "\n")
    for name in seeds.systems:
        by_seed = " ".join(f"{value:.4f}" for value in seeds.by_seed(name, "mAP@10"))
        sys.stderr.write(f"{name} {by_seed}\n")
