"""`lbar data`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import AsJson, DataRoot, complete_system
from harness.cli.printing import echo, print_json, print_table, say
from harness.datasets import own_names
from harness.errors import first_few
from harness.machine import in_bytes

if TYPE_CHECKING:
    from harness.datasets import Space

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check data sets, or get them.")


def _complete(incomplete: str) -> list[str]:
    from harness.datasets import dataset_names

    return [name for name in dataset_names() if name.startswith(incomplete)]


DatasetName = Annotated[
    str, typer.Argument(autocompletion=_complete, help=f"One of {', '.join(own_names())}; or a YAML file.")
]

Splits = Annotated[list[str] | None, typer.Option("--split", help="Only this split; repeatable.")]


@data_app.command()
def verify(
    name: DatasetName, data_root: DataRoot = Path("data"), splits: Splits = None, as_json: AsJson = False
) -> None:
    """Check a data set; list all that is wrong.

    Checks that files are there, their counts and checksums, and that every clip decodes to sound of the length, the
    rate and the loudness that can be expected. Of what is wrong with many clips, the first five are printed.
    """
    from harness.datasets import named_dataset
    from harness.datasets import verify as verify_dataset
    from harness.machine import bars

    name = named_dataset(name)
    with bars() as progress:
        findings = verify_dataset(name, data_root, splits=splits, progress=progress)
    if as_json:
        print_json([{"split": one.check, "path": one.file, "message": one.found} for one in findings])
    else:
        kinds: dict[tuple[str, str], list[str]] = {}
        for finding in findings:
            kinds.setdefault((finding.check, finding.rule or finding.found), []).append(finding.found)
        for (split, _), lines in kinds.items():
            for line in first_few(lines):
                echo(f"{split}: {line}")
        echo(f"{name}: problems found: {len(findings)}" if findings else f"{name}: complete and intact")
    if findings:
        raise typer.Exit(1)


@data_app.command()
def fetch(name: DatasetName, data_root: DataRoot = Path("data"), splits: Splits = None) -> None:
    """Download what may be downloaded.

    Says what you must get yourself. An interrupted download continues where it stopped.
    """
    from harness.datasets import fetch as fetch_dataset
    from harness.datasets import named_dataset
    from harness.machine import bars

    name = named_dataset(name)
    with bars() as progress:
        for line in fetch_dataset(name, data_root, splits=splits, progress=progress):
            echo(line)


@data_app.command()
def size(
    card: Annotated[str, typer.Argument(autocompletion=complete_system, help="A registered name or a card (*.yaml).")],
    data_root: DataRoot = Path("data"),
    rate: Annotated[int, typer.Option("--rate", min=1_000, help="Hz at which the system takes clips.")] = 32_000,
    as_json: AsJson = False,
) -> None:
    """Say what space the training of a card's system will need, before it begins.

    For audio that is still to be had, decoded audio, teachers' embeddings, weights; what is there already is left out.
    Exit code 1 says that it does not fit.
    """
    from harness.datasets import space_for
    from harness.interface import weights_root
    from harness.machine import bars, cache_root, disk_of

    with bars() as progress:
        needed = space_for(card, data_root, rate, progress=progress)
    folders = {"data": data_root, "cache": cache_root(), "weights": weights_root()}
    sums = {name: sum(one.size or 0 for one in needed if one.where == name) for name in folders}
    disks = {name: disk_of(folder) for name, folder in folders.items()}
    if as_json:
        places = [
            {"where": name, "folder": str(folder.absolute()), "needed": sums[name], "free": disks[name].free}
            for name, folder in folders.items()
        ]
        print_json({"needed": [asdict(one) for one in needed], "folders": places})
    else:
        print_table(("in", "size", "for"), [(one.where, _amount(one), one.what) for one in needed])
        for name, folder in folders.items():
            echo(f"{name}: {in_bytes(sums[name])} needed in {folder}, {in_bytes(disks[name].free)} free")
    # Several folders may lie on one disk.
    on_disk = {
        disk: sum(sums[name] for name in folders if disks[name].number == disk.number) for disk in disks.values()
    }
    if full := [(total, disk.free) for disk, total in on_disk.items() if total > disk.free]:
        say(f"this does not fit on the disk: {in_bytes(full[0][0])} together, {in_bytes(full[0][1])} free")
        raise typer.Exit(1)


def _amount(space: "Space") -> str:
    if space.size is None:
        return "not known"
    return f"{'up to ' if space.estimated and space.size else ''}{in_bytes(space.size)}"


@data_app.command()
def leaks(
    card: Annotated[str, typer.Argument(autocompletion=complete_system, help="A registered name or a card (*.yaml).")],
    data_root: DataRoot = Path("data"),
    audio: Annotated[bool, typer.Option("--audio", help="Also compare the audio, which is decoded for it.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the training clips of a card's system that are evaluation clips.

    They are found by FreeSound and AudioSet id and by title; with --audio also by equal samples and by acoustic
    fingerprint.
    """
    from harness.datasets import leaks_of
    from harness.interface import read_card
    from harness.machine import bars

    fields, folder = read_card(card)
    with bars() as progress:
        report = leaks_of(fields, data_root, folder=folder, audio=audio, progress=progress)
    for line in report.unchecked:
        say(f"not checked: {line}")
    if as_json:
        print_json(report.to_json())
    else:
        for leak in report.leaks:
            echo(str(leak))
        echo(report.summary())
    if report.leaks:
        raise typer.Exit(1)
