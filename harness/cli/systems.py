"""`lbar systems`."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import AsJson, complete_system
from harness.cli.printing import echo, print_json, print_table

if TYPE_CHECKING:
    from harness.interface import Listing

systems_app = typer.Typer(
    invoke_without_command=True, rich_markup_mode=None, help="List systems, or download their files."
)


@systems_app.callback()
def list_systems(context: typer.Context, as_json: AsJson = False) -> None:
    """List registered systems: what they are, their published figures, and whether their files are here.

    The published figure is the protocol's primary measure in per cent, as printed.
    """
    if context.invoked_subcommand is not None:
        return
    from harness.interface import listings

    found = listings()
    if as_json:
        print_json([as_document(listing) for listing in found])
    else:
        print_table(("system", "parameters", "published", "protocol", "files", "about"), [as_row(one) for one in found])


@systems_app.command("fetch")
def fetch_system(
    name: Annotated[str, typer.Argument(autocompletion=complete_system, help="A registered name or a card (*.yaml).")],
    training: Annotated[
        bool, typer.Option("--training", help="Also what its training needs, ancestors included.")
    ] = False,
) -> None:
    """Download a system's files, as far as they have addresses.

    They go into the folder LBAR_WEIGHTS, else `weights`. A download that was interrupted goes on where it stopped.
    """
    from harness.interface import fetch_files
    from harness.machine import bars

    with bars() as progress:
        for line in fetch_files(name, training=training, progress=progress):
            echo(line)


def as_row(listing: "Listing") -> tuple[str, ...]:
    """Name, parameters, published figure and its protocol, state of the files, and what the system is."""
    from harness.protocols import PROTOCOLS

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


def as_document(listing: "Listing") -> dict[str, object]:
    """Everything known of a system, for JSON."""
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


def _state(listing: "Listing") -> str:
    missing = listing.missing
    if not missing:
        return "here"
    if all(needed.file.may_be_fetched for needed in missing):
        return "to fetch"
    return "by hand" if any(needed.file.page for needed in missing) else "to train"
