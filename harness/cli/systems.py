"""`lbar systems`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from harness.cli.options import AsJson, DataRoot, Runs, complete_system
from harness.cli.printing import echo, end_with, print_json, print_table, show
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.interface import Listing


class _SystemOrCommand(TyperGroup):
    """Takes a single word that is none of the commands for the name of a system to be shown."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        is_name = args[0] not in self.commands and all(word.startswith("-") for word in args[1:2])
        return super().resolve_command(ctx, ["show", *args] if is_name else args)


systems_app = typer.Typer(
    cls=_SystemOrCommand,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="List systems, show one, or download their files.",
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


@systems_app.command("show")
def show_system(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A registered name, a card (*.yaml) or package.module:factory.")],
    data_root: DataRoot = Path("data"),
    out: Runs = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Show a system: what it is, what it needs and how to get that, and what it reached.

    `lbar systems NAME` does the same.
    """
    from harness.cli.one_system import own_runs, rendered
    from harness.datasets import missing_for
    from harness.interface import look_at

    listing = look_at(name)
    if listing.problem:
        raise UserError(listing.problem)
    missing = missing_for([name], data_root)
    runs = own_runs(listing, out)
    if as_json or (context.parent and context.parent.params.get("as_json")):
        needed: dict[str, object] = {
            "parts": [asdict(part) | {"place": str(part.place)} for part in missing.parts],
            "downloads": missing.downloads,
            "training": missing.training,
        }
        print_json(as_document(listing) | {"missing": needed, "runs": runs})
        return
    show(lambda _: rendered(listing, missing, runs, out))


@systems_app.command("fetch")
def fetch_system(
    names: Annotated[
        list[str], typer.Argument(autocompletion=complete_system, help="Registered names or cards (*.yaml).")
    ],
    training: Annotated[
        bool, typer.Option("--training", help="Also what its training needs, ancestors included.")
    ] = False,
) -> None:
    """Download the files of systems, as far as they have addresses.

    They go into the folder LBAR_WEIGHTS, else `weights`. A download that was interrupted goes on where it stopped.
    """
    from harness.interface import fetch_files
    from harness.machine import bars

    failures: dict[str, UserError] = {}
    with bars() as progress:
        for name in names:
            try:
                for line in fetch_files(name, training=training, progress=progress):
                    echo(line)
            except UserError as error:
                failures[name] = error
    end_with(failures)


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
