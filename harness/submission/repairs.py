"""The list of what was mended."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from harness.submission.findings import MOST_KEPT, MOST_SHOWN, places, shown


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was mended: in which file, where, and the text before and after."""

    file: str
    what: str
    before: str
    after: str
    line: int | None = None
    column: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {name: getattr(self, name) for name in ("file", "line", "column", "what", "before", "after")}

    def to_text(self) -> str:
        """A line for a person."""
        place = ", ".join(places(self.file, self.line, self.column or None))
        return f"mended {place}: {self.what}: {shown(self.before)} is now {shown(self.after)}"


@dataclass
class Repairs:
    """All that was mended; of many repairs of one kind in one file, the first `MOST_KEPT`."""

    kept: list[Repair] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, repair: Repair) -> None:
        """Add one."""
        self.counts[repair.file, repair.what] += 1
        if self.counts[repair.file, repair.what] <= MOST_KEPT:
            self.kept.append(repair)

    def __len__(self) -> int:
        return self.counts.total()

    def to_text(self) -> list[str]:
        """A line for each repair; of many alike the first few, and how many more there are."""
        lines: list[str] = []
        shown_of: Counter[tuple[str, str]] = Counter()
        for repair in self.kept:
            key = (repair.file, repair.what)
            shown_of[key] += 1
            if shown_of[key] <= MOST_SHOWN:
                lines.append(repair.to_text())
        for (file, what), count in self.counts.items():
            if count > MOST_SHOWN:
                lines.append(f"mended {file}: {what}: {count - MOST_SHOWN:,} more")
        return lines
