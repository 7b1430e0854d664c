"""What the pages of docs/ name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "where-things-go.md"
FOLDERS = ("harness/", "systems/", "leaderboard/", "tests/")


def named_paths() -> list[str]:
    """Paths of the repository that the page names; `<name>` stands for a name of the reader's."""
    return sorted({name for name in re.findall(r"`([\w/.<>-]+)`", PAGE.read_text()) if name.startswith(FOLDERS)})


@pytest.mark.parametrize("path", named_paths())
def test_a_named_path_exists(path: str) -> None:
    assert list(ROOT.glob(re.sub("<.*?>", "*", path))), f"{PAGE.name} names {path}, which does not exist"


def test_every_room_of_the_harness_that_data_passes_is_named() -> None:
    text = PAGE.read_text()
    rooms = ("protocols", "datasets", "audio", "interface", "evaluation", "measures", "runs")
    assert all(f"harness/{room}" in text for room in rooms)
