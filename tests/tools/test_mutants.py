"""What the mutations are tried on is there, and those that change nothing are still what they were."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "mutants"
ROOT = TOOL.parents[1]


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((TOOL / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("area", read("areas.toml").items(), ids=lambda area: area[0])
def test_an_area_has_modules_and_tests(area: tuple[str, dict[str, list[str]]]) -> None:
    name, files = area
    assert files["modules"]
    assert files["tests"]
    assert all((ROOT / path).exists() for path in (*files["modules"], *files["tests"])), name
    told = "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    assert all(f"{left_out}" in told for left_out in files.get("leave_out", ()))


def test_what_changes_nothing_still_stands_in_its_module() -> None:
    """A reason holds for the line it was given for."""
    mutations = read("unchanging.toml")["mutation"]
    assert mutations
    for one in mutations:
        lines = [line.strip() for line in (ROOT / one["module"]).read_text(encoding="utf-8").splitlines()]
        assert one["before"] in lines, one
        assert one["before"] != one["after"]
        assert one["reason"]
