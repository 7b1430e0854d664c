"""What a check is, what it finds, and how that is told."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

Level = Literal["error", "warning"]
Looked = TypeVar("Looked", contravariant=True)
LEVELS: tuple[Level, ...] = ("error", "warning")

MOST_KEPT = 1000
"""Findings of one check in one file that are kept; the others are counted."""
_MOST_SHOWN = 5
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be.

    Attributes:
        found: what is there.
        expected: what should be.
        mend: what the person does about it.
        line: of the file, from 1; of a file that has none, `None`.
        column: of the file: a column's name, or the key in a meta file.
        file: in which file, where it is not the one that is looked at.
    """

    found: str
    expected: str
    mend: str
    line: int | None = None
    column: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Check(Generic[Looked]):
    """One rule.

    Attributes:
        code: by which it is called, such as `R012`; never given to another rule.
        level: whether what it finds makes the submission invalid.
        rule: one sentence that holds of a sound submission.
        look: finds what breaks it.
    """

    code: str
    level: Level
    rule: str
    look: Callable[[Looked], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, by which check and in which file."""

    code: str
    level: Level
    rule: str
    file: str
    problem: Problem

    def to_json(self) -> dict[str, Any]:
        """As JSON knows it."""
        problem = self.problem
        return {
            "code": self.code,
            "level": self.level,
            "rule": self.rule,
            "file": self.file,
            "line": problem.line,
            "column": problem.column,
            "found": problem.found,
            "expected": problem.expected,
            "mend": problem.mend,
        }

    def to_text(self) -> str:
        """A few lines for a person."""
        problem = self.problem
        place = [self.file]
        if problem.line is not None:
            place.append(f"line {problem.line}")
        if problem.column is not None:
            place.append(problem.column)
        return "\n".join(
            (
                f"{self.level} {self.code}  {', '.join(place)}",
                f"    {self.rule}",
                f"    found     {problem.found}",
                f"    expected  {problem.expected}",
                f"    mend      {problem.mend}",
            )
        )


@dataclass
class Findings:
    """What was found so far; a file full of one mistake takes no more room than `MOST_KEPT` of it."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[str, str, Level]] = field(default_factory=Counter)

    def look(self, checks: Iterable[Check[Looked]], subject: Looked, file: str) -> None:
        """Run checks on something in a file."""
        for check in checks:
            for problem in check.look(subject):
                self.add(check, problem, file)

    def add(self, check: Check[Any], problem: Problem, file: str) -> None:
        """Take down one problem."""
        where = problem.file or file
        key = (check.code, where, check.level)
        self.counts[key] += 1
        if self.counts[key] <= MOST_KEPT:
            self.kept.append(Finding(check.code, check.level, check.rule, where, problem))

    def number(self, level: Level) -> int:
        """How many there are of a level, those that were not kept included."""
        return sum(count for (_, _, found), count in self.counts.items() if found == level)

    def has(self, *codes: str, file: str | None = None) -> bool:
        """Whether any of these checks found something, in this file where one is named."""
        return any(code in codes and file in (None, where) for code, where, _ in self.counts)

    def in_order(self) -> Iterator[Finding]:
        """Errors before warnings, then file by file, check by check, line by line."""
        return iter(
            sorted(
                self.kept,
                key=lambda one: (LEVELS.index(one.level), one.file, one.code, one.problem.line or 0),
            )
        )

    def to_text(self) -> Iterator[str]:
        """A block of lines per finding, of many alike the first few."""
        shown: Counter[tuple[str, str]] = Counter()
        last: tuple[str, str, Level] | None = None
        for finding in self.in_order():
            key = (finding.code, finding.file, finding.level)
            if last is not None and last != key:
                yield from self._others(last)
            last = key
            shown[finding.code, finding.file] += 1
            if shown[finding.code, finding.file] <= _MOST_SHOWN:
                yield finding.to_text()
        if last is not None:
            yield from self._others(last)

    def _others(self, key: tuple[str, str, Level]) -> Iterator[str]:
        others = self.counts[key] - _MOST_SHOWN
        if others > 0:
            yield f"{key[2]} {key[0]}  {key[1]}: {others:,} more like the last; --json lists up to {MOST_KEPT:,}"


def shown(text: object) -> str:
    r"""A text from a file as a message shows it: quoted, on one line, and not too long.

    >>> shown("a\tb")
    "'a\\tb'"
    """
    quoted = repr(text)
    return quoted if len(quoted) <= _LONGEST else f"{quoted[: _LONGEST - 4]}…{quoted[-1]}"


def counted(number: int, one: str, several: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "clip"), counted(2000, "query", "queries")
    ('1 clip', '2,000 queries')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"
