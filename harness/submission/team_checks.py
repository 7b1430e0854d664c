"""Checks of all systems of a package together, and of what they score."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from harness.protocols import RetrievalTask
from harness.submission.findings import Check, Problem, counted, shown
from harness.submission.meta.file import Meta

_COARSEST = 0.005
_ABOVE_CHANCE = 1.5


@dataclass(frozen=True)
class Team:
    """The meta files of a package, and the captions its outputs answer, each by its path."""

    metas: Mapping[str, Meta]
    answered: Mapping[str, frozenset[str]] = field(default_factory=dict)


def _abbreviations_differ(team: Team) -> Iterator[Problem]:
    places: dict[str, list[str]] = defaultdict(list)
    for file, meta in team.metas.items():
        entry = meta.get("submission", "abbreviation")
        if entry and not entry.is_empty:
            places[str(entry.value)].append(file)
    for abbreviation, files in places.items():
        for file in files[1:]:
            entry = team.metas[file].get("submission", "abbreviation")
            yield Problem(
                f"{shown(abbreviation)}, as in {files[0].rpartition('/')[2]}",
                "an abbreviation of its own for each system",
                "change one of them: tables could not tell the systems apart",
                line=entry.line if entry else None,
                column="submission.abbreviation",
                file=file,
            )


def _labels_differ(team: Team) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for file, meta in team.metas.items():
        if meta.label and first.setdefault(meta.label, file) != file:
            entry = meta.get("submission", "label")
            yield Problem(
                f"{shown(meta.label)}, as in {first[meta.label].rpartition('/')[2]}",
                "a label of its own for each system",
                "number the systems from 1 to 4",
                line=entry.line if entry else None,
                column="submission.label",
                file=file,
            )


def _parameters_agree(team: Team) -> Iterator[Problem]:
    counts = {}
    for file, meta in team.metas.items():
        entry = meta.get("system", "complexity", "total_parameters")
        if entry and isinstance(entry.value, int) and not isinstance(entry.value, bool) and entry.value > 0:
            counts[file] = entry
    for (one, first), (other, second) in combinations(counts.items(), 2):
        ratio = max(first.value, second.value) / min(first.value, second.value)
        if ratio in (10, 100, 1000, 1_000_000):
            yield Problem(
                f"{second.value:,}, which is {first.value:,} of {one.rpartition('/')[2]} by a factor of {ratio:,.0f}",
                "numbers in one unit",
                "look whether a nought is missing",
                line=second.line,
                column="system.complexity.total_parameters",
                file=other,
            )


def _one_set_of_queries(team: Team) -> Iterator[Problem]:
    files = list(team.answered)
    for file in files[1:]:
        if differing := team.answered[files[0]] ^ team.answered[file]:
            yield Problem(
                f"{counted(len(differing), 'caption')} that only this one or {files[0].rpartition('/')[2]} has: "
                f"{shown(min(differing))}" + (" and others" if len(differing) > 1 else ""),
                "the same queries in all outputs",
                "look whether one of them is on another data set",
                file=file,
            )


TEAM_CHECKS: tuple[Check[Team], ...] = (
    Check("T001", "error", "Every system has a label of its own.", _labels_differ),
    Check("T002", "error", "Every system has an abbreviation of its own.", _abbreviations_differ),
    Check("T004", "error", "All systems answer the same queries.", _one_set_of_queries),
    Check("T003", "warning", "Numbers of parameters are in one unit.", _parameters_agree),
)


@dataclass(frozen=True)
class Scored:
    """A system's output with what it scores.

    Attributes:
        task: what it answers.
        values: by measure.
        meta: its meta file, where it has one.
        meta_file: path of that.
    """

    task: RetrievalTask
    values: Mapping[str, float]
    meta: Meta | None
    meta_file: str


def _results_agree(scored: Scored) -> Iterator[Problem]:
    if scored.meta is None:
        return
    results = scored.meta.profile.results
    for name, keys, entry in scored.meta.results():
        value = entry.number
        if keys[0] not in (results.section, *results.spellings) or name not in scored.values:
            continue
        if value is None or value > 1:
            continue
        found = scored.values[name]
        if abs(value - found) > _rounding(entry.text):
            other = next((other for other, score in scored.values.items() if abs(value - score) < 5e-5), None)
            yield Problem(
                f"{name} {entry.text}" + (f", which is the file's {other}" if other else ""),
                f"{found:.6f}, which the output scores on {scored.task.protocol.name}",
                "write what the output scores, or hand in the output that scores this",
                line=entry.line,
                column=".".join(map(str, ("results", *keys))),
                file=scored.meta_file,
            )


def _above_chance(scored: Scored) -> Iterator[Problem]:
    chance = 10 / len(scored.task.items)
    found = scored.values.get("R@10")
    if found is not None and chance < 0.5 and found < _ABOVE_CHANCE * chance:
        yield Problem(
            f"R@10 {found:.4f} on {scored.task.protocol.name}",
            f"clearly more than {chance:.4f}, which is chance",
            "look whether captions and clips have been mixed up, or the system has collapsed",
        )


def _rounding(text: str) -> float:
    """How far a number may be from what it was rounded from."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    power = int(exponent) if exponent.lstrip("+-").isdigit() and len(exponent) < 5 else 0
    return min(0.5 * 10.0 ** (power - digits), _COARSEST) + 1e-12


SCORE_CHECKS: tuple[Check[Scored], ...] = (
    Check("S001", "error", "Results in the meta file are those of the output.", _results_agree),
    Check("S002", "warning", "The system does better than chance.", _above_chance),
)
