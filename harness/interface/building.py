"""From what a person types to a system: a registered name, a card's path, or `package.module:factory`."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from harness.errors import UserError, one_line
from harness.interface.cards import read_card
from harness.interface.registered import is_card, target_of
from harness.interface.system import System
from harness.machine.devices import resolve

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
