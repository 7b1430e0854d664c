"""Our packages have names that others use, too: processes of our own that find them, and what else is called so."""

import re
import sys
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, distributions
from pathlib import Path

_HOME = Path(__file__).resolve().parents[2]
_PACKAGES = ("harness", "systems", "leaderboard")


def own_process(code: str) -> list[str]:
    """The command line of a process of its own that runs a line of our code by this Python.

    Neither the working directory nor a folder on PYTHONPATH stands in for our packages there: they are imported first.
    """
    place = f"sys.path.insert(0, {str(_HOME)!r}); import {', '.join(_PACKAGES)}; sys.path.append(sys.path.pop(0))"
    return [sys.executable, "-P", "-c", f"import sys; {place}; {code}"]


def other_packages() -> list[str]:
    """A line on everything called like one of our packages that would be, or was, taken for it."""
    folder = str(Path.cwd())
    found = []
    installed = [distribution for distribution in distributions() if distribution.name != "lbar"]
    for name in _PACKAGES:
        if others := sorted({one.name for one in installed if _has(one, name)}):
            found.append(
                f"{name} belongs to {', '.join(others)}, too, installed in the same environment; "
                "install lbar in one of its own (pipx, uv tool, tox)"
            )
        spec = PathFinder.find_spec(name, [folder, *sys.path])
        if spec and spec.origin and Path(spec.origin).resolve() != _HOME / name / "__init__.py":
            found.append(
                f"{spec.origin} is what Python in {folder} takes for lbar's {name}; "
                "work in another folder or take it off PYTHONPATH"
            )
    return found


def _has(distribution: Distribution, name: str) -> bool:
    """Whether a distribution has a package or a module of this name, by its own lists, which are not taken apart."""
    top = (distribution.read_text("top_level.txt") or "").split()
    return name in top or bool(re.search(rf"^{name}(?:/|\.py,)", distribution.read_text("RECORD") or "", re.MULTILINE))
