"""The ancestors of a system: those it starts from or is taught by, and theirs in turn."""

from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.interface.cards import read_card, training_of
from harness.interface.names import identity, located
from harness.interface.training_section import TrainingSection


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A system that another one starts from or is taught by, directly or through others.

    Attributes:
        name: a registered name, `package.module:factory`, or a card's path from the working directory.
        title: the name its card gives it; empty where there is no such card.
        training: what its card says of its training; `None` where it says nothing or cannot be read.
        problem: why its card cannot be read; empty where it can.
    """

    name: str
    title: str = ""
    training: TrainingSection | None = None
    problem: str = ""


def ancestors_of(training: TrainingSection | None, folder: Path) -> list[Ancestor]:
    """All ancestors of a system, each once and before its own ancestors.

    Args:
        training: the section `training:` of the system's card.
        folder: the card's, from which the paths in it go.

    Raises:
        UserError: systems are ancestors of each other in a circle.
    """
    found: dict[str, Ancestor] = {}
    _visit_parents(training, folder, {}, found)
    return list(reversed(found.values()))


def _visit_parents(
    training: TrainingSection | None, folder: Path, below: dict[str, str], found: dict[str, Ancestor]
) -> None:
    """Enter the parents into `found`, each after its own ancestors, the last parent first.

    Args:
        training: of the system whose parents they are.
        folder: of its card.
        below: that system and its descendants on this way: how each is named, by its identity.
        found: the ancestors so far, by identity.
    """
    for parent in reversed(training.parents if training else ()):
        name = located(parent, folder)
        key = identity(name)
        if key in below:
            circle = " → ".join((*list(below.values())[list(below).index(key) :], name))
            raise UserError(f"systems start from or teach each other in a circle: {circle}; take one of them out")
        if key not in found:
            ancestor, its_folder = _read(name)
            _visit_parents(ancestor.training, its_folder, below | {key: name}, found)
            found[key] = ancestor


def _read(name: str) -> tuple[Ancestor, Path]:
    try:
        card, folder = read_card(name)
        return Ancestor(name, str(card.get("name", "?")), training_of(card)), folder
    except UserError as error:
        return Ancestor(name, problem="; ".join((str(error), *error.problems))), Path()
