"""What code a person most likely meant who named it wrongly, found without running any."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from harness.errors import nearest

_METHODS = ("embed_audio", "score_pairs")
"""A class with one of these methods is a system."""


def meant_code(name: str) -> str | None:
    """What `mine`, `mine.py`, `mine.Mine` or `mien:Mine` most likely means beside a file `mine.py`: `mine:Mine`.

    Returns:
        `module:name`, or `None` where no file in the working directory is called like the module, or it defines
        nothing that is called like the name.
    """
    parts = [part for part in re.split(r"[:./]+", re.sub(r"\.py\b", "", name)) if part]
    for *folders, file, wanted in (read for read in ([*parts, ""], parts) if len(read) > 1):
        known = {path.stem: path for path in Path(*folders).glob("*.py")}
        # What is no address of code is one only where there is that very file.
        found = file if file in known or ":" not in name else nearest(file, known)
        if found in known and (meant := _defined(known[found], wanted)):
            return f"{'.'.join((*folders, found))}:{meant}"
    return None


def _defined(path: Path, wanted: str) -> str | None:
    """The class or function in a file that is called like this; where none is wanted, its first system, or class."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    if wanted:
        functions = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
        return nearest(wanted, [*(one.name for one in classes), *functions])
    systems = [one for one in classes if any(getattr(part, "name", "") in _METHODS for part in one.body)]
    return next((one.name for one in (*systems, *classes)), None)


def meant_module(name: str) -> str | None:
    """The module of an installed package that is called like this one, which there is not."""
    package, _, module = name.rpartition(".")
    spec = find_spec(package) if package else None
    known = [one.name for one in iter_modules((spec and spec.submodule_search_locations) or [])]
    near = nearest(module, known)
    return near and f"{package}.{near}"
