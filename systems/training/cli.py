"""`lbar train`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from harness.cli_options import DataRoot, Device


def train(
    cards: Annotated[
        list[str], typer.Argument(help="Systems that come with a trainer, cards (*.yaml), or table1 and table2.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", envvar="LBAR_WEIGHTS", help="Where each system's folder with card and weights goes."),
    ] = Path("weights"),
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="Which part of a table: clotho, audiocaps or everyday.")
    ] = None,
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    precision: Annotated[str, typer.Option("--precision", help="fp32, bf16 or fp16.")] = "fp32",
) -> None:
    """Train systems.

    Writes OUT/NAME with the card, the weights, and what they were trained on. Systems that start from others or are
    taught by them come after these. What was stopped goes on, what is done is not done again.
    """
    from harness.progress import bars
    from systems.training.graph import cards_of
    from systems.training.trainer import trainer_of

    # What is trained here is found by what is trained after it.
    os.environ["LBAR_WEIGHTS"] = str(out)
    trainers = [trainer_of(card, device=device, precision=precision) for card in cards_of(cards, protocol)]
    for train_it in trainers:
        with bars() as progress:
            told = train_it(out, data_root, progress)
        typer.echo(told)
