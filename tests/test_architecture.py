"""The arrows between the rooms, and what nothing may load before it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "transformers", "mlflow", "pandas", "sklearn", "matplotlib", "pyarrow", "lightning")


def imported_modules(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize(
    ("room", "closed"),
    [
        ("harness", {"systems", "leaderboard", "tests"}),
        ("systems", {"leaderboard", "tests"}),
        ("leaderboard", {"systems", "tests"}),
    ],
)
def test_arrows(room: str, closed: set[str]) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported_modules(path)
        if module.partition(".")[0] in closed
    ]
    assert wrong == []


def test_no_file_exceeds_400_lines() -> None:
    files = [path for room in ("harness", "systems", "leaderboard") for path in (ROOT / room).rglob("*.py")]
    assert [path.name for path in files if len(path.read_text().splitlines()) > 400] == []


@pytest.mark.parametrize(
    "statement",
    [
        "import harness",
        "import harness.cli.app; harness.cli.app.build()",
        "import leaderboard.cli.board",
        "import systems.training.cli",
    ],
)
def test_nothing_heavy_is_loaded(statement: str) -> None:
    code = f"import sys; {statement}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_public_names_resolve() -> None:
    import harness

    for name in harness.__all__:
        assert getattr(harness, name) is not None
    with pytest.raises(AttributeError, match="attribute evalaute"):
        harness.evalaute  # noqa: B018
