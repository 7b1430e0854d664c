"""From what a person types to a system: a registered name, a card's path, or `package.module:factory`."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from harness.errors import UserError, one_line
from harness.interface.card_files import CardFile, missing_line, place_of
from harness.interface.cards import Card, common_part, read_card
from harness.interface.names import is_card, registered, target_of
from harness.interface.system import System
from harness.machine import resolve

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, slots=True)
class BuiltSystem:
    """A system, and what it was built for.

    Attributes:
        system: the system.
        device: in torch's words; `own` where the factory takes no device, so that the system chooses for itself.
        precision: `fp32` or `bf16`.
    """

    system: System
    device: str
    precision: str


def load_system(name: str, *, device: str = "auto", precision: str = "fp32") -> System:
    """The system that `build_system` builds."""
    return build_system(name, device=device, precision=precision).system


def build_system(name: str, *, device: str = "auto", precision: str = "fp32", compiled: bool = False) -> BuiltSystem:
    """Build a system from a registered name, a card's path (`*.yaml`) or `package.module:factory`.

    Of `device`, `precision` and `compiled` a factory gets those that are among its parameters. A card's factory gets
    the card as a dictionary and the folder it lies in before them.

    Args:
        name: what to load.
        device: where it is to run, in torch's words, or `auto`.
        precision: `fp32` or `bf16`.
        compiled: whether its encoders are compiled first, by torch.

    Raises:
        UserError: there is no such system, it cannot be built, what it needs is missing, or it cannot do what is
            asked for.
    """
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}")
    target = target_of(name)
    arguments: tuple[object, ...] = ()
    if is_card(target):
        card, folder = read_card(target)
        arguments, target = (card, folder), str(card["factory"])
    factory = import_named(target, said_by=name)
    takes = options_of(factory)
    if precision != "fp32" and "precision" not in takes:
        raise UserError(f"{name} computes in one precision only; leave --precision {precision} out")
    if compiled and "compiled" not in takes:
        raise UserError(f"{name} cannot be compiled; leave --compile out")
    chosen = resolve(device) if "device" in takes else "own"
    options = {"device": chosen, "precision": precision, "compiled": compiled}
    try:
        system = factory(*arguments, **{option: value for option, value in options.items() if option in takes})
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{name} could not be built: {one_line(error)}") from error
    return BuiltSystem(cast(System, system), chosen, precision)


def import_named(target: str, *, said_by: str) -> Callable[..., object]:
    """Import `package.module:function`, looked for in the working directory too.

    Raises:
        UserError: it cannot be imported, or is not callable.
    """
    module_name, _, attribute = target.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module_name), attribute)
    except (Exception, SystemExit) as error:
        raise UserError(f"{said_by}: {target} cannot be imported: {one_line(error)}") from error
    if not callable(found):
        raise UserError(f"{said_by}: {target} is not a function or a class")
    return cast(Callable[..., object], found)


def options_of(factory: Callable[..., object]) -> set[str]:
    """Those of device, precision and compiled that a factory or trainer takes: a class need know of none of them."""
    parameters = inspect.signature(factory).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return {"device", "precision", "compiled"}
    return {"device", "precision", "compiled"} & {parameter.name for parameter in parameters}


@dataclass(frozen=True, slots=True)
class Needed:
    """A file that a system needs: who names it, by registered name or card's path, and where it lies."""

    system: str
    file: CardFile
    place: Path | None

    def __str__(self) -> str:
        return missing_line(self.file, self.system)


@dataclass(frozen=True, slots=True)
class Listing:
    """A system as a table shows it.

    Attributes:
        name: under which it is registered, or its card's path.
        target: its card's path, or the factory that builds it.
        card: what the card says in the fields all cards share; `None` for a system without one.
        files: what it needs beside the card, its members' files included.
        problem: why its card cannot be used; empty where it can.
    """

    name: str
    target: str
    card: Card | None = None
    files: tuple[Needed, ...] = ()
    problem: str = ""

    @property
    def missing(self) -> tuple[Needed, ...]:
        """What must be got before it can run."""
        return tuple(needed for needed in self.files if needed.place is None and not needed.file.training_only)


def look_at(name: str) -> Listing:
    """Read a system's card and look for its files.

    Raises:
        UserError: no system has this name.
    """
    target = target_of(name)
    if not is_card(target):
        return Listing(name, target)
    try:
        card = common_part(read_card(target)[0])
        return Listing(name, target, card, tuple(needed_files(name)))
    except UserError as error:
        return Listing(name, target, problem="; ".join((str(error), *error.problems)))


def needed_files(name: str, above: tuple[Path, ...] = ()) -> list[Needed]:
    """The files of a system and of its members, each once; none for a system without a card.

    Args:
        name: a registered name, a card's path or `package.module:factory`.
        above: the cards whose member it is.

    Raises:
        UserError: there is no such system or member, or systems are members of each other in a circle.
    """
    target = target_of(name)
    if not is_card(target):
        return []
    path = Path(target).resolve()
    if path in above:
        circle = " → ".join(card.stem for card in (*above[above.index(path) :], path))
        raise UserError(f"systems are members of each other in a circle: {circle}; take one out of `members:`")
    said, folder = read_card(target)
    card = common_part(said)
    found = [Needed(name, file, place_of(file, folder)) for file in card.files.values()]
    for member in card.members:
        found += needed_files(located(member, folder), (*above, path))
    return [needed for index, needed in enumerate(found) if needed not in found[:index]]


def located(member: str, folder: Path) -> str:
    """What a card's `members:` says, as it is looked up from elsewhere: a path goes from the card's folder."""
    return str(folder / member) if is_card(member) else member


def listings() -> list[Listing]:
    """All registered systems, by name."""
    return [look_at(name) for name in registered()]
