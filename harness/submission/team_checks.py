"""Checks of all systems of a package together, and of what they score."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from harness.interface import Finding
from harness.measures import BelowChance
from harness.predictions import WRONG_WAY
from harness.protocols import RetrievalTask
from harness.submission.findings import Checks, counted, shown
from harness.submission.meta.file import Field, Meta

_COARSEST = 0.005
_ABOVE_CHANCE = 1.5


@dataclass(frozen=True)
class Team:
    """The meta files of a package, and the captions its outputs answer, each by its path."""

    metas: Mapping[str, Meta]
    answered: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def fields(self, *keys: str) -> dict[str, Field]:
        """What each meta file has under these keys, by its path; those that have nothing there are left out."""
        found = {file: meta.get(*keys) for file, meta in self.metas.items()}
        return {file: one for file, one in found.items() if not one.is_empty}


TEAM_CHECKS = Checks[Team]()


@TEAM_CHECKS("T001", "error", "Every system has a label of its own.")
def _labels_differ(team: Team) -> Iterator[Finding]:
    yield from _each_its_own(team, "label", "a label", "number the systems from 1 to 4")


@TEAM_CHECKS("T002", "error", "Every system has an abbreviation of its own.")
def _abbreviations_differ(team: Team) -> Iterator[Finding]:
    mend = "change one of them: tables could not tell the systems apart"
    yield from _each_its_own(team, "abbreviation", "an abbreviation", mend)


def _each_its_own(team: Team, key: str, what: str, mend: str) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for file, one in team.fields("submission", key).items():
        if one.text and first.setdefault(one.text, file) != file:
            found = f"{shown(one.text)}, as in {_base(first[one.text])}"
            yield one.finding(found, f"{what} of its own for each system", mend, file)


@TEAM_CHECKS("T004", "error", "All systems answer the same queries.")
def _one_set_of_queries(team: Team) -> Iterator[Finding]:
    first, *others = team.answered or ("",)
    for file in others:
        if differing := team.answered[first] ^ team.answered[file]:
            captions = f"{counted(len(differing), 'caption')} that only this one or {_base(first)} has"
            found = f"{captions}: {shown(min(differing))}" + (" and others" if len(differing) > 1 else "")
            mend = "look whether one of them is on another data set"
            yield Finding(found, "the same queries in all outputs", mend, file)


@TEAM_CHECKS("T003", "warning", "Numbers of parameters are in one unit.")
def _parameters_agree(team: Team) -> Iterator[Finding]:
    numbers = team.fields("system", "complexity", "total_parameters")
    counts = [(file, one, one.count) for file, one in numbers.items() if one.count and one.count > 0]
    for (first_file, _, first), (file, one, second) in combinations(counts, 2):
        ratio = max(first, second) / min(first, second)
        if ratio in (10, 100, 1000, 1_000_000):
            found = f"{second:,}, which is {first:,} of {_base(first_file)} by a factor of {ratio:,.0f}"
            yield one.finding(found, "numbers in one unit", "look whether a nought is missing", file)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


@dataclass(frozen=True)
class Scored:
    """A system's output with what it scores.

    Attributes:
        task: what it answers.
        format: of the output.
        values: the score by measure.
        meta: its meta file, where it has one.
        meta_file: path of that.
        below_chance: its scores beside those of a random order, where they are significantly worse.
    """

    task: RetrievalTask
    format: str
    values: Mapping[str, float]
    meta: Meta | None
    meta_file: str
    below_chance: BelowChance | None = None


SCORE_CHECKS = Checks[Scored]()


@SCORE_CHECKS("S001", "error", "Results in the meta file are those of the output.")
def _results_agree(scored: Scored) -> Iterator[Finding]:
    if scored.meta is None:
        return
    results = scored.meta.profile.results
    for name, stated in scored.meta.results():
        value = stated.entry.number if stated.entry else None
        of_this_split = stated.keys[1] in (results.section, *results.spellings)
        if not of_this_split or name not in scored.values or value is None or value > 1 or stated.entry is None:
            continue
        score, text = scored.values[name], stated.entry.text
        if abs(value - score) > _rounding(text):
            other = next((other for other, score in scored.values.items() if abs(value - score) < 5e-5), None)
            found = f"{name} {text}" + (f", which is the file's {other}" if other else "")
            expected = f"{score:.6f}, which the output scores on {scored.task.protocol.name}"
            mend = "write what the output scores, or hand in the output that scores this"
            yield stated.finding(found, expected, mend, scored.meta_file)


@SCORE_CHECKS("S002", "warning", "The system does better than chance.")
def _above_chance(scored: Scored) -> Iterator[Finding]:
    if (below := scored.below_chance) is not None:
        found = f"{below.measure} {below.value:.4f} on {scored.task.protocol.name}, which is significantly worse"
        yield Finding(found, f"clearly more than {below.chance:.4f}, which is chance", WRONG_WAY[scored.format])
        return
    chance = 10 / len(scored.task.items)
    recall = scored.values.get("R@10")
    if recall is not None and chance < 0.5 and recall < _ABOVE_CHANCE * chance:
        found, expected = (
            f"R@10 {recall:.4f} on {scored.task.protocol.name}",
            f"clearly more than {chance:.4f}, which is chance",
        )
        mend = "look whether captions and clips have been mixed up, or the system has collapsed"
        yield Finding(found, expected, mend)


def _rounding(text: str) -> float:
    """How far a number may be from what it was rounded from."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    power = int(exponent) if exponent.lstrip("+-").isdigit() and len(exponent) < 5 else 0
    return min(0.5 * 10.0 ** (power - digits), _COARSEST) + 1e-12
