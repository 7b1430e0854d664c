"""`lbar train`."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import DataRoot, Device, MaybeProtocol, Trust, complete_system, echo, say

SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Train without broken clips; the card and all records say so.")
]


def train(
    cards: Annotated[
        list[str],
        typer.Argument(
            autocompletion=complete_system,
            help="Systems that come with a trainer, cards (*.yaml), or table1, table2, finding.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", envvar="LBAR_WEIGHTS", help="Where each system's folder with card and weights goes."),
    ] = Path("weights"),
    protocol: MaybeProtocol = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of everything drawn at random, in place of each card's.")
    ] = None,
    grid: Annotated[
        Path | None, typer.Option("--grid", help="YAML: values to try for fields of one card's section `training`.")
    ] = None,
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    precision: Annotated[str, typer.Option("--precision", help="fp32, bf16 or fp16.")] = "fp32",
    trust: Trust = False,  # noqa: ARG001
    skip_broken: SkipBroken = False,
) -> None:
    """Train systems.

    Writes the folder OUT/NAME with the card, the weights, and a record of the training. A system is trained after
    those that it starts from or is taught by. A training that was stopped goes on, and one that is finished is not
    done again. With --grid every combination of values is trained, as many at a time as there are devices (--device
    cuda:0,cuda:1), and the one that reaches most on the validation split is kept under the card's name. A table is
    trained for the data set of a protocol. Files and data that are missing are told before the first training begins.
    """
    from harness.datasets import missing_for
    from harness.machine import bars, silent
    from systems.training.graph import cards_of
    from systems.training.trainer import trainer_of

    # Systems that are trained later find those trained here in the weights folder.
    os.environ["LBAR_WEIGHTS"] = str(out)
    chosen = cards_of(cards, protocol, say)
    if missing := missing_for(chosen, data_root, training=True).error(", ".join(cards)):
        raise missing
    if grid is not None:
        _search(cards, grid, out, data_root, device, precision, skip_broken=skip_broken)
        return
    # Of several processes that torchrun has started, the first one speaks.
    speaks = os.environ.get("RANK", "0") == "0"
    trainers = [
        trainer_of(card, device=device, precision=precision, seed=seed, skip_broken=skip_broken) for card in chosen
    ]
    for train_it in trainers:
        with bars() if speaks else nullcontext(silent) as progress:
            line = train_it(out, data_root, progress)
        if speaks:
            echo(line)


def _search(
    cards: list[str], grid: Path, out: Path, data_root: Path, device: str, precision: str, *, skip_broken: bool
) -> None:
    from harness.errors import UserError
    from harness.interface import read_card
    from harness.machine import bars
    from systems.training.grid import read_grid, search, train_in_process
    from systems.training.trainer import trainer_for

    if len(cards) != 1:
        raise UserError(f"a grid is searched for one card, found {len(cards)}; name one")
    card, folder = read_card(cards[0])
    devices = device.split(",")

    def train_one(variant: Mapping[str, object], where: str) -> str:
        if len(devices) > 1:
            return train_in_process(cards[0], variant, out, data_root, where, precision, skip_broken=skip_broken)
        options: dict[str, Any] = {"device": where, "precision": precision, "skip_broken": skip_broken}
        with bars() as progress:
            return trainer_for(variant, folder, cards[0], **options)(out, data_root, progress)

    runs = Path(os.environ.get("LBAR_RUNS", "runs"))
    echo(search(card, read_grid(grid), out, runs, train_one, devices, echo))
