"""The checks of what is to be handed in, and the list of what they found."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, get_args

from harness.interface import Finding, Level

Looked = TypeVar("Looked", contravariant=True)
Look = Callable[[Looked], Iterable[Finding]]

MOST_KEPT = 1000
"""How many findings of one check in one file are kept; the others are counted."""
MOST_SHOWN = 5
"""How many of these a person is shown."""
BY_FIX = "`lbar validate --fix` writes a copy that has it right"
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Check(Generic[Looked]):
    """One rule.

    Attributes:
        code: its short name, such as `R012`; never given to another rule.
        level: whether what it finds makes the submission invalid.
        rule: one sentence that holds of a sound submission.
        look: finds what breaks it.
    """

    code: str
    level: Level
    rule: str
    look: Look[Looked]


class Checks(Generic[Looked]):
    """The checks of one kind of thing. Each is a function that yields what it finds, registered with its rule.

    >>> checks = Checks[str]()
    >>> @checks("A001", "error", "The text is not empty.")
    ... def not_empty(text: str) -> Iterator[Finding]:
    ...     if not text:
    ...         yield Finding("no text", "a text", "write one")
    >>> [check.code for check in checks]
    ['A001']
    """

    def __init__(self) -> None:
        self._checks: list[Check[Looked]] = []

    def __iter__(self) -> Iterator[Check[Looked]]:
        return iter(self._checks)

    def __call__(self, code: str, level: Level, rule: str) -> Callable[[Look[Looked]], Check[Looked]]:
        """Register a function as the check of a rule."""

        def register(look: Look[Looked]) -> Check[Looked]:
            self._checks.append(Check(code, level, rule, look))
            return self._checks[-1]

        return register


class MayBeUnreadable(Protocol):
    """A file that was read as far as it can be read."""

    @property
    def complaint(self) -> Finding | None:
        """Why it cannot be read to its end."""


def complaint(file: MayBeUnreadable) -> Iterator[Finding]:
    """The check that a file can be read."""
    if file.complaint:
        yield file.complaint


@dataclass
class Findings:
    """What was found so far; of one mistake that fills a file, no more than `MOST_KEPT` findings are kept."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[str, str, Level]] = field(default_factory=Counter)

    def look(
        self,
        checks: Iterable[Check[Looked]],
        subject: Looked,
        file: str,
        line: int | None = None,
        column: str | None = None,
    ) -> bool:
        """Run checks on one thing, which stands in this file, line and column; returns whether it is sound."""
        is_sound = True
        for check in checks:
            for finding in check.look(subject):
                is_sound = False
                self.add(check, finding, file, line, column)
        return is_sound

    def add(
        self, check: Check[Any], finding: Finding, file: str, line: int | None = None, column: str | None = None
    ) -> None:
        """Add a finding of a check; the place is that of what was checked, unless the finding names its own."""
        where = finding.file or file
        key = (check.code, where, check.level)
        self.counts[key] += 1
        if self.counts[key] <= MOST_KEPT:
            line = finding.line or line
            column = column if finding.column is None else finding.column
            of_check = replace(finding, check=check.code, level=check.level, rule=check.rule)
            self.kept.append(replace(of_check, file=where, line=line, column=column))

    def promise_nothing(self, file: str) -> None:
        """Take the advice to use `--fix` back from what was found in a file that `--fix` leaves as it is."""
        for at, finding in enumerate(self.kept):
            if finding.file == file and BY_FIX in finding.mend:
                mend = finding.mend.removesuffix(BY_FIX).removesuffix("; ")
                self.kept[at] = replace(finding, mend=mend)

    def number(self, level: Level) -> int:
        """The number of findings of a level, those that were not kept included."""
        return sum(count for (_, _, found), count in self.counts.items() if found == level)

    def in_order(self) -> list[Finding]:
        """Errors before warnings, then file by file, check by check, line by line."""
        levels = get_args(Level)
        return sorted(self.kept, key=lambda one: (levels.index(one.level), one.file, one.check, one.line or 0))

    def to_text(self) -> Iterator[str]:
        """A block of lines per finding; of many alike the first few, and how many more there are."""
        shown_of: Counter[tuple[str, str, Level]] = Counter()
        for finding in self.in_order():
            key = (finding.check, finding.file, finding.level)
            shown_of[key] += 1
            if shown_of[key] <= MOST_SHOWN:
                yield to_text(finding)
            if shown_of[key] == min(self.counts[key], MOST_KEPT) and self.counts[key] > MOST_SHOWN:
                others = self.counts[key] - MOST_SHOWN
                yield (
                    f"{finding.level} {finding.check}  {finding.file}: {others:,} more like the last; --json lists up "
                    f"to {MOST_KEPT:,}"
                )


def to_json(finding: Finding) -> dict[str, Any]:
    """A finding as a JSON object."""
    names = ("level", "rule", "file", "line", "column", "found", "expected", "mend")
    return {"code": finding.check} | {name: getattr(finding, name) for name in names}


def to_text(finding: Finding) -> str:
    """A finding as a few lines for a person."""
    place = ", ".join(places(finding.file, finding.line, finding.column))
    return (
        f"{finding.level} {finding.check}  {place}\n    {finding.rule}\n    found     {finding.found}\n"
        f"    expected  {finding.expected}\n    mend      {finding.mend}"
    )


def places(file: str, line: int | None, column: str | None) -> list[str]:
    """The parts of a place that are known, for a message.

    >>> places("a.csv", 3, None)
    ['a.csv', 'line 3']
    """
    return [file, *([] if line is None else [f"line {line}"]), *([] if column is None else [column])]


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
