"""Which code computed something: kept results are only used again by the code that made them."""

import hashlib
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_METHODS = ("embed_audio", "embed_text", "score", "score_pairs")


def harness_code() -> str:
    """SHA-256 over the harness's own source files."""
    return _digest(Path(__file__).parents[1].rglob("*.py"))


def package_code(name: str) -> str | None:
    """SHA-256 over the source files of the package that a module is in, without importing it; `None` if in none."""
    spec = find_spec(name.partition(".")[0])
    folders = (spec and spec.submodule_search_locations) or ()
    return _digest(file for folder in folders for file in Path(folder).rglob("*.py")) if folders else None


def system_code(system: object) -> str | None:
    """SHA-256 over the source files that decide what a system computes; `None` where they cannot be found.

    Where the class, one of its base classes or one of its methods is defined in a package, all files of that package
    count; where in a plain file, that file and every module loaded from its folder. Installed packages of others, such
    as torch, count by their version.
    """
    classes = [cls for cls in type(system).__mro__ if cls is not object]
    methods = [getattr(system, name, None) for name in _METHODS]
    names = {getattr(part, "__module__", None) for part in (*classes, *methods) if part is not None}
    modules = [sys.modules.get(name.partition(".")[0]) for name in names if name]
    files: set[Path] = set()
    versions: set[str] = set()
    for module in modules:
        if module is None:
            return None
        if module.__name__ in sys.stdlib_module_names:
            continue
        if _is_third_party(module):
            versions.add(f"{module.__name__} {getattr(module, '__version__', '')}")
            continue
        found = _sources(module)
        if not found:
            return None
        files.update(found)
    return _digest(files, sorted(versions)) if files else None


def _is_third_party(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None) or ""
    return "site-packages" in file and module.__name__ not in ("harness", "systems")


def _sources(module: ModuleType) -> list[Path]:
    """The files of a package, or a plain file and what else is loaded from its folder."""
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    if folders:
        return [file for folder in folders for file in folder.rglob("*.py")]
    own = getattr(module, "__file__", None)
    if own is None:
        return []
    folder = Path(own).parent
    loaded = [Path(file) for other in list(sys.modules.values()) if (file := getattr(other, "__file__", None))]
    return [file for file in loaded if file.is_relative_to(folder) and "site-packages" not in file.parts]


def _digest(files: Iterable[Path], more: Iterable[str] = ()) -> str:
    digest = hashlib.sha256("\n".join(more).encode())
    for file in sorted(set(files)):
        digest.update(b"\0".join((file.parent.name.encode(), file.name.encode(), file.read_bytes())))
    return digest.hexdigest()
