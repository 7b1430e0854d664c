"""Which code computed something: kept results are only used again by the code that made them."""

import hashlib
import sys
from functools import cache
from pathlib import Path


def code_digest(module_name: str) -> str:
    """SHA-256 over the source files of the top-level package of a loaded module, or over the module's own file.

    >>> code_digest("harness.ranking") == code_digest("harness.measures")
    True
    """
    top = sys.modules[module_name.partition(".")[0]]
    folders = [Path(folder) for folder in getattr(top, "__path__", ())]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    own = getattr(top, "__file__", None)
    return _digest(tuple(files or ([Path(own)] if own else [])))


@cache
def _digest(files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
