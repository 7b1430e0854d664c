"""`lbar train`."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import DataRoot, Device, MaybeProtocol, Trust, complete_system, echo, print_table, say

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
        Path | None,
        typer.Option("--grid", help="YAML (or table2): values to try for fields of one card's section `training`."),
    ] = None,
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    precision: Annotated[str, typer.Option("--precision", help="fp32, bf16 or fp16.")] = "fp32",
    trust: Trust = False,  # noqa: ARG001
    skip_broken: SkipBroken = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be trained, and what it takes; train nothing.")
    ] = False,
) -> None:
    """Train systems.

    Writes the folder OUT/NAME with the card, the weights, and a record of the training. A system is trained after
    those that it starts from or is taught by. A training that was stopped goes on, and one that is finished is not
    done again. With --grid every combination of values is trained, as many at a time as there are devices (--device
    cuda:0,cuda:1), and the one that reaches most on the validation split is kept under the card's name. A table is
    trained for the data set of a protocol. --dry-run prints instead the order, and of each system the training clips,
    their hours, the steps, the bytes of weights and embeddings, and the days on this machine where `lbar bench` has
    measured the same encoder. Files and data that are missing are told before the first training begins.
    """
    from harness.datasets import missing_for
    from harness.machine import bars, silent
    from systems.training.graph import cards_of
    from systems.training.trainer import trainer_of

    # Systems that are trained later find those trained here in the weights folder.
    os.environ["LBAR_WEIGHTS"] = str(out)
    chosen = cards_of(cards, protocol, say)
    missing = missing_for(chosen, data_root, training=True)
    if dry_run:
        _plan(chosen, grid, data_root, device, precision)
        if missing.parts:
            say(f"{len(missing.parts)} of the things needed are not here; without --dry-run they are listed")
        return
    if error := missing.error(", ".join(cards)):
        raise error
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


def _plan(cards: list[str], grid: Path | None, data_root: Path, device: str, precision: str) -> None:
    from harness.machine import resolve
    from systems.training.grid import combinations, read_grid
    from systems.training.plan import HEADER, planned, together

    _one_card_for(grid, cards)
    variants = list(combinations(read_grid(grid))) if grid else []
    where = resolve(device.split(",")[0])
    # `lbar bench` has no fp16, which is about as fast.
    precision = {"fp16": "bf16"}.get(precision, precision)
    options: dict[str, Any] = {"device": where, "precision": precision, "grid": variants}
    plans = [planned(card, data_root, _runs(), **options) for card in cards]
    print_table(HEADER, [*(plan.cells() for plan in plans), together(plans)])
    if unknown := [plan.name for plan in plans if plan.days is None]:
        say(
            f"how long it takes is not known of {', '.join(unknown)}: measure a system with the same encoder by "
            f"`lbar bench --device {where} --precision {precision}`; a card with `random_weights: 0` needs no weights"
        )


def _one_card_for(grid: Path | None, cards: list[str]) -> None:
    from harness.errors import UserError

    if grid is not None and len(cards) != 1:
        raise UserError(f"a grid is searched for one card, found {len(cards)}; name one")


def _runs() -> Path:
    return Path(os.environ.get("LBAR_RUNS", "runs"))


def _search(
    cards: list[str], grid: Path, out: Path, data_root: Path, device: str, precision: str, *, skip_broken: bool
) -> None:
    from harness.interface import read_card
    from harness.machine import bars
    from systems.training.grid import read_grid, search, train_in_process
    from systems.training.trainer import trainer_for

    _one_card_for(grid, cards)
    card, folder = read_card(cards[0])
    devices = device.split(",")

    def train_one(variant: Mapping[str, object], where: str) -> str:
        if len(devices) > 1:
            return train_in_process(cards[0], variant, out, data_root, where, precision, skip_broken=skip_broken)
        options: dict[str, Any] = {"device": where, "precision": precision, "skip_broken": skip_broken}
        with bars() as progress:
            return trainer_for(variant, folder, cards[0], **options)(out, data_root, progress)

    echo(search(card, read_grid(grid), out, _runs(), train_one, devices, echo))
