"""The ancestors of a system: those it starts from or is taught by, and theirs in turn."""

from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.interface.cards.card import read_card, training_of
from harness.interface.cards.training_section import TrainingSection
from harness.interface.names import identity, located


@dataclass(frozen=True, slots=True)
class TrainedSystem:
    """A system, and what its card says of its training.

    Attributes:
        name: a registered name, `package.module:factory`, or a card's path from the working directory.
        title: the name its card gives it.
        training: the card's section `training:`; an empty one where there is none or it cannot be read.
        problem: why the card cannot be read; empty where it can.
    """

    name: str
    title: str = ""
    training: TrainingSection = field(default_factory=TrainingSection)
    problem: str = ""


def ancestors_of(training: TrainingSection, folder: Path) -> list[TrainedSystem]:
    """All ancestors of a system, each once and before its own ancestors.

    Args:
        training: the section `training:` of the system's card.
        folder: the card's, from which the paths in it go.

    Raises:
        UserError: systems are ancestors of each other in a circle.
    """
    found: dict[str, TrainedSystem] = {}

    def visit_parents(training: TrainingSection, folder: Path, descendants: dict[str, str]) -> None:
        """Enter the parents, the last one first, each after its own ancestors: the order is turned round at the end."""
        for parent in reversed(training.parents):
            name = located(parent, folder)
            key = identity(name)
            if key in descendants:
                circle = " → ".join((*list(descendants.values())[list(descendants).index(key) :], name))
                raise UserError(f"systems start from or teach each other in a circle: {circle}; take one of them out")
            if key not in found:
                system, its_folder = _read(name)
                visit_parents(system.training, its_folder, descendants | {key: name})
                found[key] = system

    visit_parents(training, folder, {})
    return list(reversed(found.values()))


def _read(name: str) -> tuple[TrainedSystem, Path]:
    try:
        card, folder = read_card(name)
        return TrainedSystem(name, str(card.get("name", "?")), training_of(card)), folder
    except UserError as error:
        return TrainedSystem(name, problem="; ".join((str(error), *error.problems))), Path()
