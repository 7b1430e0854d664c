"""From the name of a system to the system: the files it needs, and building it."""

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from harness.errors import UserError, nearest, one_line, one_line_and_place, unknown
from harness.interface.cards.card import Card, common_part, kind_of, parse_card, read_card
from harness.interface.cards.files import CardFile, missing_line, place_of
from harness.interface.named_code import meant_code, meant_module
from harness.interface.names import GROUP, is_card, located, registered, target_of
from harness.machine import entry_points, resolve

if TYPE_CHECKING:
    from harness.interface.system import System

_Read = Callable[[str], tuple[dict[str, object], Path]]

PRECISIONS = ("fp32", "bf16")

TRUST = "LBAR_TRUST"
"""Environment variable: set to 1, as `--trust` does, it lets cards name code that is neither ours nor registered."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A file that a system needs: which system, by registered name or card's path, which file, and where it lies."""

    system: str
    file: CardFile
    place: Path | None

    def __str__(self) -> str:
        return missing_line(self.file, self.system)


@dataclass(frozen=True, slots=True)
class Listing:
    """A system as a table shows it.

    Attributes:
        name: its registered name, or its card's path.
        target: its card's path, or the factory that builds it.
        card: the fields that all kinds of card share; `None` for a system without a card.
        files: the files it needs beside the card, its members' files included.
        problem: why its card cannot be used; empty where it can.
    """

    name: str
    target: str
    card: Card | None = None
    files: tuple[Needed, ...] = ()
    problem: str = ""

    @property
    def missing(self) -> tuple[Needed, ...]:
        """The files that are missing and without which it cannot run."""
        return tuple(needed for needed in self.files if needed.place is None and not needed.file.training_only)


def listings() -> list[Listing]:
    """All registered systems, by name."""
    read = cache(read_card)
    return [_looked_at(name, target, read) for name, target in registered().items()]


def look_at(name: str) -> Listing:
    """Read a system's card and look for its files.

    Raises:
        UserError: no system has this name.
    """
    return _looked_at(name, target_of(name), cache(read_card))


def _looked_at(name: str, target: str, read: _Read) -> Listing:
    if not is_card(target):
        return Listing(name, target)
    try:
        card = common_part(read(target)[0])
        return Listing(name, target, card, tuple(_needed_by(name, target, read)))
    except UserError as error:
        return Listing(name, target, problem="; ".join((str(error), *error.problems)))


def needed_files(name: str) -> list[Needed]:
    """The files of a system and of its members, each once; none for a system without a card.

    Args:
        name: a registered name, a card's path or `package.module:factory`.

    Raises:
        UserError: there is no such system or member, or systems are members of each other in a circle.
    """
    return _needed_by(name, target_of(name), read_card)


def _needed_by(name: str, target: str, read: _Read) -> list[Needed]:
    """The files of a system and of its members; `target` is what its name stands for, `read` reads a card."""
    seen: set[Path] = set()

    def visit(name: str, target: str, containers: tuple[Path, ...]) -> Iterator[Needed]:
        """Its files and its members', unless they were visited; `containers` are the systems it is a member of."""
        path = Path(target).resolve()
        if path in containers:
            circle = " → ".join(card.stem for card in (*containers[containers.index(path) :], path))
            raise UserError(f"systems are members of each other in a circle: {circle}; take one out of `members:`")
        if not is_card(target) or path in seen:
            return
        seen.add(path)
        fields, folder = read(target)
        card = common_part(fields)
        yield from placed_files(name, card, folder).values()
        for member in card.members:
            place = located(member, folder)
            yield from visit(place, target_of(place), (*containers, path))

    found = list(visit(name, target, ()))
    return [needed for index, needed in enumerate(found) if needed not in found[:index]]


def placed_files(name: str, card: Card, folder: Path) -> dict[str, Needed]:
    """The files of a card alone, by what they are to the system, and where they lie; `folder` is the card's."""
    return {key: Needed(name, file, place_of(file, folder)) for key, file in card.files.items()}


@dataclass(frozen=True, slots=True)
class BuiltSystem:
    """A system, and what it was built for.

    Attributes:
        system: the system.
        device: the name PyTorch gives it; `own` where the factory takes no device, so that the system chooses.
        precision: `fp32` or `bf16`.
    """

    system: "System"
    device: str
    precision: str


def load_system(name: str, *, device: str = "auto", precision: str = "fp32") -> "System":
    """The system that `build_system` builds."""
    return build_system(name, device=device, precision=precision).system


def build_system(
    name: str, *, device: str = "auto", precision: str = "fp32", compiled: bool = False, named_by: str = ""
) -> BuiltSystem:
    """Build a system from a registered name, a card's path (`*.yaml`) or `package.module:factory`.

    A factory gets those of `device`, `precision` and `compiled` that are among its parameters. The factory that a card
    names gets before them the card as a dictionary, and the folder the card lies in.

    Args:
        name: which system.
        device: what it is to run on: a device by the name PyTorch gives it, or `auto`.
        precision: `fp32` or `bf16`.
        compiled: whether `torch.compile` compiles its encoders first.
        named_by: the card or record that names the system; empty where the person does, whose word is enough for a
            `package.module:factory` that is neither ours nor registered.

    Raises:
        UserError: there is no such system, it cannot be built, a file it needs is missing, or it cannot compute in
            this precision or be compiled; or a card names code that is not trusted, see `import_named`.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    target = target_of(name)
    arguments: tuple[object, ...] = ()
    if is_card(target):
        card, folder = read_card(target)
        arguments, target, named_by = (card, folder), str(card["factory"]), named_by or name
    factory = import_named(target, named_by=named_by or name, trusted=not named_by or name in registered())
    takes = options_of(factory)
    if precision != "fp32" and "precision" not in takes:
        raise UserError(f"{name} computes in one precision only; leave --precision {precision} out")
    if compiled and "compiled" not in takes:
        raise UserError(f"{name} cannot be compiled; leave --compile out")
    # A device that is not here is refused for a system that has its own way with devices, too.
    here = resolve(device) if "device" in takes or device != "auto" else device
    chosen = here if "device" in takes else "own"
    options = {"device": chosen, "precision": precision, "compiled": compiled}
    try:
        system = factory(*arguments, **{option: value for option, value in options.items() if option in takes})
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{name} could not be built: {one_line_and_place(error)}") from error
    return BuiltSystem(cast("System", system), chosen, precision)


def require_fitting(names: Iterable[str]) -> None:
    """Check all fields of cards whose factories say which kind of card they take (`takes_card`).

    Nobody should fetch gigabytes for a card with a mistake.

    Raises:
        UserError: there is no such card, its factory cannot be imported, or a field is missing, unknown or of the wrong
            kind.
    """
    for name in names:
        target = target_of(name)
        if is_card(target):
            card, _ = read_card(target)
            kind = kind_of(import_named(str(card["factory"]), named_by=name))
            if kind is not None:
                parse_card(kind, card)


def import_named(target: str, *, named_by: str, trusted: bool = False) -> Callable[..., object]:
    """Import `package.module:function`, which may also lie in the working directory; messages begin with `named_by`.

    Importing runs code. What a card or a record names may be a stranger's: it is imported only from our own packages,
    from those that have registered systems, or where the person says so by `--trust`.

    Args:
        target: what is imported.
        named_by: what names it, a card for example.
        trusted: whether the person has named it, or installed what names it.

    Raises:
        UserError: it is not trusted, cannot be imported, or is not callable.
    """
    module_name, _, attribute = target.partition(":")
    known = module_name.partition(".")[0] in _known_packages()
    if not (known or trusted or os.environ.get(TRUST) == "1"):
        raise UserError(
            f"{named_by} names {target}, code that is neither lbar's nor a registered package's, and was not run; "
            f"read it, and if you trust who wrote it add --trust (or set {TRUST}=1)"
        )
    if not known and "" not in sys.path and str(Path.cwd()) not in sys.path:
        # A folder of that name in the working directory is not taken for it.
        import_module("systems")
        sys.path.insert(0, str(Path.cwd()))
    what = target if target == named_by else f"{named_by}: {target}"
    try:
        found = getattr(import_module(module_name), attribute)
    except (Exception, SystemExit) as error:
        why = "it is a path" if "/" in module_name else one_line(error)
        raise UserError(f"{what} cannot be imported: {why}{_meant(target, error)}") from error
    if not callable(found):
        raise UserError(f"{what} is not a function or a class")
    return cast(Callable[..., object], found)


def _meant(target: str, error: BaseException) -> str:
    """What was most likely meant by a module or a name in it that is not there, as the end of a message."""
    module, _, attribute = target.partition(":")
    near = None
    if "/" in module:
        near = meant_code(target)
        if near is None:
            return "; expected a module, not a file: from the folder of mine.py that is mine:Mine"
    elif isinstance(error, ModuleNotFoundError) and module.startswith(error.name or ":"):
        found = meant_module(module) if error.name == module else None
        near = meant_code(target) or (found and f"{found}:{attribute}")
        if near is None and error.name == module:
            return "; expected a file of that name in this folder, or a module of an installed package"
    elif isinstance(error, AttributeError) and module in sys.modules:
        public = [name for name in vars(sys.modules[module]) if not name.startswith("_")]
        found = nearest(attribute, public)
        near = found and f"{module}:{found}"
    return f"; did you mean {near!r}?" if near else ""


def _known_packages() -> set[str]:
    """The packages whose code any card may name: ours, and those that have registered systems, data or protocols."""
    groups = (GROUP, "lbar.datasets", "lbar.protocols")
    entries = (one.value.partition(":")[0].partition(".")[0] for group in groups for one in entry_points(group=group))
    return {"harness", "systems", *entries}


def options_of(factory: Callable[..., object]) -> set[str]:
    """Those of the options below that a factory or a trainer takes; it need not take any."""
    parameters = inspect.signature(factory).parameters
    any_name = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return {option for option in ("device", "precision", "compiled", "skip_broken") if any_name or option in parameters}
