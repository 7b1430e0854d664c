"""What was mended, told one by one."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from harness.submission.findings import MOST_KEPT, shown

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was mended: in which file, where, and how it read before and reads now."""

    file: str
    what: str
    before: str
    after: str
    line: int | None = None
    column: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {name: getattr(self, name) for name in ("file", "line", "column", "what", "before", "after")}

    def to_text(self) -> str:
        """A line for a person."""
        place = [self.file, *([f"line {self.line}"] if self.line else []), *([self.column] if self.column else [])]
        return f"mended {', '.join(place)}: {self.what}: {shown(self.before)} is now {shown(self.after)}"


@dataclass
class Repairs:
    """All that was mended; of very much of one kind in one file the first `MOST_KEPT`."""

    kept: list[Repair] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, repair: Repair) -> None:
        """Take down one."""
        self.counts[repair.file, repair.what] += 1
        if self.counts[repair.file, repair.what] <= MOST_KEPT:
            self.kept.append(repair)

    def __len__(self) -> int:
        return self.counts.total()

    def to_text(self) -> list[str]:
        """A line for each, of many alike the first few."""
        lines: list[str] = []
        shown_of: Counter[tuple[str, str]] = Counter()
        for repair in self.kept:
            key = (repair.file, repair.what)
            shown_of[key] += 1
            if shown_of[key] <= _MOST_SHOWN:
                lines.append(repair.to_text())
        for (file, what), count in self.counts.items():
            if count > _MOST_SHOWN:
                lines.append(f"mended {file}: {what}: {count - _MOST_SHOWN:,} more")
        return lines
