"""What other distributions provide by entry points, as objects or as YAML files."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from importlib.resources import files
from pathlib import Path
from typing import Generic, TypeVar

from harness.errors import UserError, one_line
from harness.machine import entry_points

T = TypeVar("T")


@dataclass(frozen=True)
class Provided(Generic[T]):
    """What entry points of a group provide.

    Attributes:
        found: each thing by its name.
        problems: the error for each name that cannot be used: two distributions have it, or it cannot be loaded.
    """

    found: dict[str, T]
    problems: dict[str, UserError]

    def get(self, name: str) -> T | None:
        """The thing of this name; `None` where nothing has it.

        Raises:
            UserError: it cannot be used.
        """
        if name in self.problems:
            raise self.problems[name]
        return self.found.get(name)


def provided(group: str, kind: type[T], read: Callable[[Path], T]) -> Provided[T]:
    """Load all that a group of entry points provides.

    An entry `name = "package.module:object"` provides the object, or what the object returns if it is a function. An
    entry `anything = "package"` provides every `*.yaml` in that package's folder under its file name.

    Args:
        group: of the entry points.
        kind: what is provided.
        read: reads a YAML file; raises `UserError`.
    """
    by_name: dict[str, list[tuple[EntryPoint, Path | None]]] = {}
    problems: dict[str, UserError] = {}
    for entry in sorted(entry_points(group=group), key=_origin):
        if entry.attr:
            by_name.setdefault(entry.name, []).append((entry, None))
            continue
        try:
            paths = sorted(Path(str(files(entry.value))).glob("*.yaml"))
        except Exception as error:
            problems[entry.name] = _unusable(group, entry, error)
            continue
        for path in paths:
            by_name.setdefault(path.stem, []).append((entry, path))
    found: dict[str, T] = {}
    for name, candidates in by_name.items():
        if len(candidates) > 1:
            places = " and ".join(_origin(entry) for entry, _ in candidates)
            problems[name] = UserError(
                f"{name!r} is registered twice under {group}, by {places}; uninstall one of them"
            )
            continue
        entry, file = candidates[0]
        try:
            found[name] = read(file) if file else _object(entry, kind)
        except Exception as error:
            problems[name] = _unusable(group, entry, error)
    return Provided(found, problems)


def _object(entry: EntryPoint, kind: type[T]) -> T:
    given = entry.load()
    made = given() if callable(given) and not isinstance(given, kind) else given
    if not isinstance(made, kind):
        raise UserError(f"expected a {kind.__name__}, or a function that returns one, found {type(made).__name__}")
    if (name := getattr(made, "name", entry.name)) != entry.name:
        raise UserError(f"its name is {name!r}; the entry point has to be called so, too")
    return made


def _unusable(group: str, entry: EntryPoint, error: Exception) -> UserError:
    why = "; ".join((str(error), *error.problems)) if isinstance(error, UserError) else one_line(error)
    return UserError(f"{entry.name!r} of {group}, by {_origin(entry)}, cannot be used: {why}")


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version} ({entry.value})" if entry.dist else entry.value
