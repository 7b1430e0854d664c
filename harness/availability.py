"""What is here of a system and what is missing, found out without building it."""

from dataclasses import dataclass
from pathlib import Path

from harness.card_files import CardFile, missing_line, place_of
from harness.cards import Card, common_part, read_card
from harness.catalogue import is_card, target_of
from harness.errors import UserError


@dataclass(frozen=True, slots=True)
class Needed:
    """A file that a system needs, and whose card says so."""

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
        card, folder = read_card(target)
        common = common_part(card)
        return Listing(name, target, common, tuple(_needed(common, folder, ())))
    except UserError as error:
        return Listing(name, target, problem=str(error))


def _needed(card: Card, folder: Path, above: tuple[str, ...]) -> list[Needed]:
    """The files of a card and of its members, each once.

    Raises:
        UserError: a member is no system, or systems are members of each other in a circle.
    """
    if card.name in above:
        circle = " → ".join((*above[above.index(card.name) :], card.name))
        raise UserError(f"systems are members of each other in a circle: {circle}; take one out of `members:`")
    found = [Needed(card.name, file, place_of(file, folder)) for file in card.files.values()]
    for member in card.members:
        own = folder / member if is_card(member) else member
        target = target_of(str(own))
        if is_card(target):
            of_member, its_folder = read_card(target)
            found += _needed(common_part(of_member), its_folder, (*above, card.name))
    return [needed for index, needed in enumerate(found) if needed not in found[:index]]
