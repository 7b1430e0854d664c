"""`lbar train`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli_options import DataRoot, Device


def train(
    cards: Annotated[list[str], typer.Argument(help="Systems that come with a trainer, or cards (*.yaml).")],
    out: Annotated[
        Path,
        typer.Option("--out", envvar="LBAR_WEIGHTS", help="Where each system's folder with card and weights goes."),
    ] = Path("weights"),
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    precision: Annotated[str, typer.Option("--precision", help="fp32, bf16 or fp16.")] = "fp32",
) -> None:
    """Train systems.

    Writes OUT/NAME with the card, the weights, and what they were trained on. What was stopped goes on.
    """
    from harness.progress import bars
    from systems.training.trainer import trainer_of

    trainers = [trainer_of(card, device=device, precision=precision) for card in cards]
    for train_it in trainers:
        with bars() as progress:
            told = train_it(out, data_root, progress)
        typer.echo(told)
