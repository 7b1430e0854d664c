"""Our packages have names that others use, too: processes of our own that find them, and what else is called so."""

import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from importlib.metadata import distributions
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
    distributions_with = _distributions_with(_PACKAGES)
    for name in _PACKAGES:
        if others := sorted(distributions_with[name] - {"lbar"}):
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


def _distributions_with(names: Iterable[str]) -> dict[str, set[str]]:
    """The installed distributions that have a package or module of each name, by their own lists of files.

    What `packages_distributions` finds, without taking apart each line of each list, which takes a quarter of a second.
    """
    found: dict[str, set[str]] = {name: set() for name in names}
    for distribution in distributions():
        top = (distribution.read_text("top_level.txt") or "").split()
        files = f"\n{distribution.read_text('RECORD') or ''}"
        for name, those in found.items():
            if name in top or f"\n{name}/" in files or f"\n{name}.py," in files:
                those.add(distribution.name)
    return found
