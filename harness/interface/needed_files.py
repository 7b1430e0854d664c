"""What is here of a system and what is missing, found out without building it."""

from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.interface.card_files import CardFile, missing_line, place_of
from harness.interface.cards import Card, common_part, read_card
from harness.interface.registered import is_card, registered, target_of


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
