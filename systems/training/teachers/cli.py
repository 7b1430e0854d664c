"""`lbar correspondences`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import AsJson, DataRoot, Device, print_json

if TYPE_CHECKING:
    from systems.training.data.training_set import TrainingSet
    from systems.training.teachers.correspondences import Teacher

correspondences = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Estimate which clips captions match, and look at it."
)

Card = Annotated[str, typer.Argument(help="A system or card (*.yaml) whose training names teachers.")]


@correspondences.command("estimate")
def estimate_them(card: Card, data_root: DataRoot = Path("data"), device: Device = "auto") -> None:
    """Compute and keep the teachers' vectors of all that is learned from.

    `lbar train` does so by itself; what was interrupted goes on.
    """
    teachers, data = _taught(card, data_root, device)
    for teacher in teachers:
        typer.echo(f"{teacher.name}: {len(data.clips)} clips, {len(data.captions)} captions, {teacher.nbytes:,} bytes")


@correspondences.command("inspect")
def inspect_one(
    card: Card,
    caption: Annotated[str, typer.Argument(help="A training caption, or a part of one.")],
    most: Annotated[int, typer.Option("--most", min=1, help="How many clips.")] = 10,
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Show the clips a caption is estimated to match, beside the truth where it is known."""
    from dataclasses import asdict

    from systems.training.teachers.inspection import best_matches, find_caption

    teachers, data = _taught(card, data_root, device)
    index = find_caption(data, caption)
    matches = best_matches(teachers, data, index, most)
    if as_json:
        print_json({"caption": data.captions[index], "matches": [asdict(match) for match in matches]})
        return
    typer.echo(data.captions[index])
    for match in matches:
        true = {None: "", True: "true", False: "not true"}[match.true]
        typer.echo(f"  {match.estimate:6.3f}  {match.clip}  {'its own clip, ' if match.own else ''}{true}".rstrip(", "))


@correspondences.command("agreement")
def hold_against_truth(
    card: Card, data_root: DataRoot = Path("data"), device: Device = "auto", as_json: AsJson = False
) -> None:
    """Measure how well estimates agree with the truth, where it is known."""
    from dataclasses import asdict

    from systems.training.teachers.inspection import agreement

    teachers, data = _taught(card, data_root, device)
    found = agreement(teachers, data)
    if as_json:
        print_json(asdict(found) | {"teachers": [teacher.name for teacher in teachers]})
        return
    typer.echo(f"{', '.join(teacher.name for teacher in teachers)}: a caption is true of {found.matches:.2f} clips")
    typer.echo("mean average precision, with 95 % intervals")
    typer.echo(f"  over all clips    of the estimates                {found.estimated}")
    typer.echo(f"                    of the caption's own clip alone {found.assumed}")
    typer.echo(f"  over other clips  of the estimates                {found.others_estimated}")
    typer.echo(f"                    of a random order               {found.others_assumed}")


def _taught(card: str, data_root: Path, device: str) -> "tuple[tuple[Teacher, ...], TrainingSet]":
    from harness.errors import UserError
    from harness.interface import parse_card, read_card
    from harness.machine import bars
    from systems.dual_encoder import DualEncoderCard
    from systems.training.data.lessons import training_set
    from systems.training.teachers.correspondences import teach

    config = parse_card(DualEncoderCard, read_card(card)[0]).training
    if config is None or not config.teachers:
        raise UserError(f"{card} names no teachers; expected a card with `teachers:` in its section `training:`")
    with bars() as progress:
        data = training_set(config, data_root, progress).data
        return teach(config.teachers, data, device=device, progress=progress), data
