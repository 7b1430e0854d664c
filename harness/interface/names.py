"""Which systems are registered, and what the name of a system stands for."""

from collections.abc import Iterable
from importlib.resources import files
from os.path import relpath
from pathlib import Path

from harness.errors import UserError, nearest
from harness.interface.named_code import meant_code
from harness.machine import entry_points

GROUP = "lbar.systems"
"""Entry point group. An entry `name = "package.module:factory"` registers one system; an entry
`anything = "package"` registers every card (`*.yaml`) in that package's folder under the card's file name."""


def registered() -> dict[str, str]:
    """Every registered system: its name, and the card's path or the factory that builds it."""
    found: dict[str, str] = {}
    for entry in entry_points(group=GROUP):
        if entry.attr:
            found[entry.name] = entry.value
            continue
        try:
            cards = Path(str(files(entry.value))).glob("*.yaml")
        except Exception:
            # The error is reported when this system is used; a broken package must not hide the other systems.
            found[entry.name] = entry.value
            continue
        found.update({card.stem: str(card) for card in cards})
    return dict(sorted(found.items()))


def target_of(name: str, others: Iterable[str] = ()) -> str:
    """What a name stands for: a card's path or `package.module:factory`.

    Args:
        name: the name.
        others: what else might be meant by it where it is unknown, such as a table of systems.

    Raises:
        UserError: it is none of these, and no system is registered under it.
    """
    if is_card(name) or ":" in name:
        return name
    known = registered()
    if name not in known:
        near = _beside(name) or nearest(name, (*known, *others))
        hint = f"did you mean {near!r}?" if near else "`lbar systems` lists those there are;"
        raise UserError(
            f"unknown system {name!r}; {hint} a card's path ending in .yaml or package.module:factory names one too"
        )
    return known[name]


def _beside(name: str) -> str | None:
    """What is meant by the folder of a card, by its name without or with another ending, or by a file of code."""
    path = Path(name)
    try:
        cards = [*path.glob("*.yaml")] if path.is_dir() else [path.with_suffix(".yaml"), Path(f"{name}.yaml")]
        return next((str(card) for card in cards if card.is_file()), None) or meant_code(name)
    except (OSError, ValueError):
        # What cannot be the name of a file.
        return None


def is_card(target: str) -> bool:
    """Whether a target is a card's path.

    >>> is_card("mine.yaml"), is_card("mine:System")
    (True, False)
    """
    return target.endswith((".yaml", ".yml"))


def identity(name: str) -> str:
    """What a name stands for, the same however it is spelt: an absolute path of a card, or a factory.

    A name that nothing is registered under stands for itself.
    """
    target = name if is_card(name) else registered().get(name, name)
    return str(Path(target).resolve()) if is_card(target) else target


def located(name: str, folder: Path) -> str:
    """A system that a card in a folder names, named from the working directory: only cards' paths differ."""
    return str(folder / name) if is_card(name) else name


def named_from(folder: Path, name: str) -> str:
    """A system that is named from the working directory, as a card in a folder has to name it."""
    return relpath(Path(name).resolve(), folder.resolve()) if is_card(name) else name
