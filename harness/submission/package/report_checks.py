"""Checks of the technical report."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.interface import Finding
from harness.submission.findings import Checks, shown

_PIECE = 1024


@dataclass(frozen=True, slots=True)
class Report:
    """The beginning and the end of a report."""

    first: bytes
    last: bytes


REPORT_CHECKS = Checks[Report]()


def read_report(path: Path) -> Report:
    """Read both."""
    with path.open("rb") as file:
        first = file.read(_PIECE)
        size = file.seek(0, 2)
        file.seek(max(0, size - _PIECE))
        return Report(first, file.read(_PIECE))


@REPORT_CHECKS("P020", "error", "The report is a PDF.")
def _is_pdf(report: Report) -> Iterator[Finding]:
    # Readers look for the header in the first 1,024 bytes.
    if b"%PDF-" not in report.first:
        found = f"a file that begins with {shown(report.first[:8])}"
        yield Finding(found, "a PDF, which begins with %PDF-", "export it as PDF")


@REPORT_CHECKS("P026", "warning", "The report is whole.")
def _is_whole(report: Report) -> Iterator[Finding]:
    if b"%PDF-" in report.first and b"%%EOF" not in report.last:
        yield Finding("no %%EOF at the end", "a PDF that is whole", "copy it again: it was cut short")
