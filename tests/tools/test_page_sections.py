"""A section of a page is replaced, and nothing beside it."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_only_the_section_changes(tool: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- a -->\nold\n<!-- end -->\n\n<!-- b -->\nkept\n<!-- end -->\nrest\n")
    for _ in range(2):
        tool.fill(page, "a", "\n| new |\n\n")
    expected = "# Page\n\n<!-- a -->\n| new |\n<!-- end -->\n\n<!-- b -->\nkept\n<!-- end -->\nrest\n"
    assert page.read_text() == expected
    with pytest.raises(UserError, match="has no section from <!-- c -->"):
        tool.fill(page, "c", "new")
    assert page.read_text() == expected


@pytest.mark.parametrize(("page", "section"), [("results/gpu.md", "gpu"), ("understand/cost.md", "growth")])
def test_the_pages_have_what_the_tools_fill(tool: Any, tmp_path: Path, page: str, section: str) -> None:
    copy = tmp_path / "page.md"
    copy.write_text((DOCS / page).read_text())
    tool.fill(copy, section, "measured")
    assert "measured" in copy.read_text()
