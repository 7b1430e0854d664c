"""The registered systems as `lbar systems` shows them."""

from harness.interface.needed_files import Listing, look_at
from harness.interface.registered import registered
from harness.protocols.named import PROTOCOLS


def listings() -> list[Listing]:
    """All registered systems, by name."""
    return [look_at(name) for name in registered()]


def as_row(listing: Listing) -> tuple[str, ...]:
    """Name, parameters, published figure and its protocol, state of the files, and what the system is."""
    card = listing.card
    if card is None:
        return (listing.name, "", "", "", listing.problem or "no card", listing.target)
    parameters = f"{card.parameters / 1e6:.1f} M" if card.parameters else ""
    figure = protocol = ""
    if card.published:
        first = card.published[0]
        known = PROTOCOLS.get(first.protocol)
        measure = known.primary if known and known.primary in first.measures else next(iter(first.measures))
        figure, protocol = f"{measure} {first.measures[measure]:.2f}", first.protocol
    return (listing.name, parameters, figure, protocol, _state(listing), card.about)


def as_document(listing: Listing) -> dict[str, object]:
    """The same and all the rest, for JSON."""
    return {
        "name": listing.name,
        "built_from": listing.target,
        "card": listing.card and listing.card.model_dump(mode="json"),
        "problem": listing.problem,
        "files": [
            {
                "path": needed.file.path,
                "place": needed.place and str(needed.place),
                "training_only": needed.file.training_only,
                "how": "" if needed.place else str(needed),
            }
            for needed in listing.files
        ],
    }


def _state(listing: Listing) -> str:
    missing = listing.missing
    if not missing:
        return "here"
    if all(needed.file.may_be_fetched for needed in missing):
        return "to fetch"
    return "by hand" if any(needed.file.page for needed in missing) else "to train"
