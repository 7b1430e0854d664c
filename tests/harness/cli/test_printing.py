"""Errors do not flood."""

import pytest

from harness.cli.printing import show_error
from harness.errors import UserError


@pytest.mark.parametrize(
    ("count", "last"), [(0, "lbar: no good"), (5, "  4"), (6, "  and 1 more"), (2000, "  and 1,995 more")]
)
def test_five_problems_and_the_count(capsys: pytest.CaptureFixture[str], count: int, last: str) -> None:
    show_error(UserError("no good", [str(number) for number in range(count)]))
    lines = capsys.readouterr().err.splitlines()
    assert lines[: 1 + min(count, 5)] == ["lbar: no good", *(f"  {number}" for number in range(min(count, 5)))]
    assert (len(lines), lines[-1]) == (1 + min(count, 6), last)
