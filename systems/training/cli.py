"""`lbar train`."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    card: Annotated[str, typer.Argument(help="Name of a system that comes with its training, or a card (*.yaml).")],
    out: Annotated[Path, typer.Option("--out", help="Where the folder with card and weights goes.")] = Path("weights"),
    data_root: Annotated[
        Path, typer.Option("--data-root", envvar="LBAR_DATA", help="Folder with the data sets as officially unpacked.")
    ] = Path("data"),
) -> None:
    """Train a system: writes OUT/NAME with its card, its weights, and what it was trained on."""
    from harness.progress import bars
    from harness.registry import read_card
    from systems.linear import parse_card
    from systems.training.recipe import train_linear

    said, _ = read_card(card)
    with bars() as progress:
        folder, validation = train_linear(parse_card(said), out, data_root, progress=progress)
    typer.echo(f"{folder / 'card.yaml'}: mAP@10 {validation:.4f} on the validation split")
