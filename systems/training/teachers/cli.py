"""`lbar correspondences`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import AsJson, DataRoot, Device, On, Trust, echo, print_json

if TYPE_CHECKING:
    from systems.training.data.training_set import TrainingSet
    from systems.training.teachers.correspondences import Teacher

correspondences = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Estimate which clips match which captions, and inspect that.",
)

SkipBroken = Annotated[bool, typer.Option("--skip-broken", help="Leave broken clips out.")]
Card = Annotated[str, typer.Argument(help="A system or card (*.yaml) whose section `training:` names teachers.")]


@correspondences.command("estimate")
def estimate_all(
    card: Card,
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    skip_broken: SkipBroken = False,
    trust: Trust = False,  # noqa: ARG001
    on: On = None,
) -> None:
    """Compute and keep the teachers' embeddings of the training data.

    `lbar train` does so by itself. A computation that was interrupted goes on where it stopped.
    """
    teachers, data = _estimated(card, data_root, device, on, skip_broken=skip_broken)
    for teacher in teachers:
        echo(f"{teacher.name}: {len(data.clips)} clips, {len(data.captions)} captions, {teacher.nbytes:,} bytes")


@correspondences.command("inspect")
def inspect_one(
    card: Card,
    caption: Annotated[str, typer.Argument(help="A training caption, or a part of one.")],
    most: Annotated[int, typer.Option("--most", min=1, help="How many clips.")] = 10,
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    trust: Trust = False,  # noqa: ARG001
    skip_broken: SkipBroken = False,
    as_json: AsJson = False,
) -> None:
    """Show the clips that a caption is estimated to match, and whether it does where that is known."""
    from dataclasses import asdict

    from systems.training.teachers.inspection import best_matches, find_caption

    teachers, data = _estimated(card, data_root, device, skip_broken=skip_broken)
    index = find_caption(data, caption)
    matches = best_matches(teachers, data, index, most)
    if as_json:
        print_json({"caption": data.captions[index], "matches": [asdict(match) for match in matches]})
        return
    echo(data.captions[index])
    for match in matches:
        true = {None: "", True: "true", False: "not true"}[match.true]
        echo(f"  {match.estimate:6.3f}  {match.clip}  {'its own clip, ' if match.own else ''}{true}".rstrip(", "))


@correspondences.command("agreement")
def measure_agreement(
    card: Card,
    data_root: DataRoot = Path("data"),
    device: Device = "auto",
    trust: Trust = False,  # noqa: ARG001
    skip_broken: SkipBroken = False,
    as_json: AsJson = False,
) -> None:
    """Measure how well the estimates agree with what each caption is true of, where that is known."""
    from dataclasses import asdict

    from systems.training.teachers.inspection import agreement

    teachers, data = _estimated(card, data_root, device, skip_broken=skip_broken)
    found = agreement(teachers, data)
    if as_json:
        print_json(asdict(found) | {"teachers": [teacher.name for teacher in teachers]})
        return
    echo(f"{', '.join(teacher.name for teacher in teachers)}: a caption is true of {found.matches:.2f} clips")
    echo("mean average precision, with 95 % intervals")
    echo(f"  over all clips    of the estimates                {found.estimated}")
    echo(f"                    of the caption's own clip alone {found.assumed}")
    echo(f"  over other clips  of the estimates                {found.others_estimated}")
    echo(f"                    of a random order               {found.others_assumed}")


def _estimated(
    card: str, data_root: Path, device: str, on: str | None = None, *, skip_broken: bool
) -> "tuple[tuple[Teacher, ...], TrainingSet]":
    from functools import partial

    from harness.errors import UserError
    from harness.interface import located, parse_card, read_card
    from harness.machine import bars
    from systems.dual_encoder import DualEncoderCard
    from systems.training.data.loading import load_training_data
    from systems.training.teachers.correspondences import teach

    fields, folder = read_card(card)
    config = parse_card(DualEncoderCard, fields).training
    if config is None or not config.teachers:
        raise UserError(f"{card} names no teachers; expected a card with `teachers:` in its section `training:`")
    config = config.with_parents(partial(located, folder=folder))
    with bars() as progress:
        data = load_training_data(config, data_root, progress, skip_broken=skip_broken).training_set
        return teach(config.teachers, data, device=device, on=on, progress=progress), data
