"""`lbar train`."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import DataRoot, Device, MaybeProtocol, On, Trust, complete_system, echo, print_table, say

if TYPE_CHECKING:
    from systems.training.trainer import Training

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
    on: On = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be trained, and what it takes; train nothing.")
    ] = False,
) -> None:
    """Train systems.

    Writes the folder OUT/NAME with the card, the weights, and a record of the training. A system is trained after
    those that it starts from or is taught by. A training that was stopped goes on, and one that is finished is not
    done again. With --grid every combination of values is trained, and the one that reaches most on the validation
    split is kept under the card's name. A table is trained for the data set of a protocol. With --on trainings that do
    not need each other run at the same time, on several devices here by --device cuda:0,cuda:1 alone. --dry-run prints
    instead the order, and of each system the training clips, their hours, the steps, the bytes of weights and
    embeddings, and the days on this machine where `lbar bench` has measured the same encoder. Files and data that are
    missing are told before the first training begins.
    """
    from harness.datasets import missing_for
    from harness.evaluation import spread
    from harness.interface import read_card, require_fitting
    from systems.training.graph import cards_of, needed_by
    from systems.training.trainer import Training, seeded, trained

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
        require_fitting(chosen)
        raise error
    if "," in device and on is None:
        on = f"local:{len(device.split(','))}"
    if grid is not None:
        options: dict[str, Any] = {"device": device, "precision": precision, "skip_broken": skip_broken}
        _search(cards, grid, out, data_root, on, options)
        return
    trainings = []
    for name in chosen:
        card, folder = read_card(name)
        card = seeded(card, seed, name)
        trainings.append(Training(card, folder, name, out, data_root, device, precision, skip_broken))
        # What cannot be trained is told before the first training begins.
        trainings[-1].trainer(device)
    # Of several processes that torchrun has started, the first one speaks.
    speaks = os.environ.get("RANK", "0") == "0"
    for line in spread(trained if on else _trained_here(speaks), trainings, on, after=needed_by(chosen)):
        if speaks:
            echo(line)


def _trained_here(speaks: bool) -> "Callable[[Training], str]":
    """Trains in this process, and shows how far it is where it speaks."""
    from harness.machine import bars, silent
    from systems.training.trainer import trained

    def train_it(training: "Training") -> str:
        with bars() if speaks else nullcontext(silent) as progress:
            return trained(training, progress)

    return train_it


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


def _search(cards: list[str], grid: Path, out: Path, data_root: Path, on: str | None, options: dict[str, Any]) -> None:
    from harness.evaluation import spread
    from harness.interface import read_card
    from systems.training.grid import read_grid, search
    from systems.training.trainer import Training, trained

    _one_card_for(grid, cards)
    card, folder = read_card(cards[0])

    def train_all(variants: list[dict[str, Any]]) -> Iterator[str]:
        trainings = [Training(one, folder, cards[0], out, data_root, **options) for one in variants]
        return spread(trained if on else _trained_here(True), trainings, on)

    echo(search(card, read_grid(grid), out, _runs(), train_all, echo))
