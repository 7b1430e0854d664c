"""Put what a tool has measured where a page of the documentation shows it: between two comments, which stay."""

from pathlib import Path

from harness.errors import UserError
from harness.machine import write_text

END = "<!-- end -->"


def fill(page: Path, section: str, text: str) -> None:
    """Replace what stands in a section of a page, from `<!-- SECTION -->` to the next `<!-- end -->`.

    Raises:
        UserError: the page has no such section.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {section} -->\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{page} has no section from <!-- {section} --> to {END}")
    write_text(page, f"{before}{begin}{text.strip()}\n{end}{after}")
