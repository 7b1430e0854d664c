"""From what a person types to a system: a registered name, a card's path, or `package.module:factory`."""

import difflib
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import cast

from harness.errors import UserError
from harness.system import RetrievalSystem

GROUP = "lbar.systems"
"""Entry point group. An entry `name = "package.module:factory"` registers one system; an entry
`anything = "package"` registers every card (`*.yaml`) in that package's folder under the card's file name."""


def registered() -> dict[str, str]:
    """Every registered system: its name, and the card's path or the factory that builds it."""
    found: dict[str, str] = {}
    for entry in entry_points(group=GROUP):
        if entry.attr:
            found[entry.name] = entry.value
        else:
            cards = sorted(Path(str(files(entry.value))).glob("*.yaml"))
            found.update({card.stem: str(card) for card in cards})
    return dict(sorted(found.items()))


def load_system(name: str, *, device: str = "cpu", precision: str = "fp32") -> RetrievalSystem:
    """Build a system from a registered name, a card's path (`*.yaml`) or `package.module:factory`.

    Args:
        name: what to load.
        device: where it runs, in torch's words.
        precision: `fp32` or `bf16`.

    Raises:
        UserError: there is no such system, its code does not import, or what it needs is missing.
    """
    target = _target(name)
    if _is_card(target):
        card, folder = read_card(target)
        factory = _import_factory(str(card["factory"]), said_by=f"card {target}")
        system = factory(card, folder, device=device, precision=precision)
    else:
        factory = _import_factory(target, said_by=repr(name))
        system = factory(**_accepted(factory, device=device, precision=precision))
    for method in ("embed_audio", "embed_text", "info"):
        if not hasattr(system, method):
            raise UserError(f"{name!r} built a {type(system).__name__} without {method!r}; see harness.RetrievalSystem")
    return cast(RetrievalSystem, system)


def _is_card(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def read_card(name: str) -> tuple[dict[str, object], Path]:
    """Read a card by its registered name or its path.

    Returns:
        What the card says, and the folder it lies in.

    Raises:
        UserError: there is no such card, or it cannot be read.
    """
    import yaml

    path = Path(_target(name))
    if not _is_card(path.name):
        raise UserError(f"{name!r} is a system without a card; expected one with a card, or a card's path (*.yaml)")
    try:
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no card {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"card {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(card, dict) or not isinstance(card.get("factory"), str):
        raise UserError(f"card {path} has no line `factory: package.module:function` that says what builds the system")
    return card, path.parent


def _target(name: str) -> str:
    """What a name stands for: a card's path or `package.module:factory`."""
    if _is_card(name) or ":" in name:
        return name
    known = registered()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'};"
        raise UserError(
            f"unknown system {name!r}; {hint} a card's path ending in .yaml or package.module:factory names one too"
        )
    return known[name]


def _import_factory(target: str, *, said_by: str) -> Callable[..., object]:
    module_name, _, attribute = target.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        factory = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{said_by} names {target!r}, which cannot be imported: {error}") from error
    if not callable(factory):
        raise UserError(f"{said_by} names {target!r}, which is not a function or class that builds a system")
    return cast(Callable[..., object], factory)


def _accepted(factory: Callable[..., object], **options: str) -> dict[str, str]:
    """The options this factory takes: a participant's class need not know of devices."""
    parameters = inspect.signature(factory).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return options
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in options.items() if name in names}
