"""What the packages hand out is typed for who imports it: mypy's strictest settings pass the documentation's Python."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="needs mypy (extra type)")

ROOT = Path(__file__).resolve().parents[1]

SETTINGS = """
[mypy]
strict = True
# As of an installed package: what is wrong inside it is not the user's.
follow_imports = silent
# To read these takes a minute, and no type that the pages use comes from them.
[mypy-torch.*,transformers.*,lightning.*,sklearn.*,mlflow.*,matplotlib.*,pandas.*]
follow_imports = skip
"""

FACES = """
import harness
import leaderboard
import systems
from harness import Options, SystemInfo, evaluate, get_protocol, load_system, parse_measure, submit, validate

reveal_type(evaluate)
reveal_type(SystemInfo)
reveal_type(leaderboard.compare)
reveal_type(leaderboard.board)
reveal_type(harness.score)
reveal_type(systems.LinearSystem)
print(harness.__version__)
"""


@pytest.mark.slow
def test_users_of_the_packages_pass_mypy(tmp_path: Path) -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = {
        page: re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for page in pages
    }
    # The cells of a notebook follow each other.
    blocks = [one for page, each in found.items() for one in (["".join(each)] if page.name == "notebook.md" else each)]
    assert len(blocks) >= 3
    for number, code in enumerate([*blocks, FACES]):
        (tmp_path / f"block_{number}.py").write_text(code, encoding="utf-8")
    files = sorted(path.name for path in tmp_path.glob("*.py"))
    (tmp_path / "mypy.ini").write_text(SETTINGS, encoding="utf-8")
    # An editable install is found by an import hook, which mypy does not run.
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    command = [sys.executable, "-m", "mypy", *files]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert len(revealed) == 6
    assert all(kind.startswith("def (") for kind in revealed)
