"""`lbar data`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import AsJson, DataRoot
from harness.cli.printing import print_json, say
from harness.datasets import dataset_names
from harness.errors import first_few

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check data sets, or get them.")

DatasetName = Annotated[str, typer.Argument(help=f"One of {', '.join(dataset_names())}.")]

Splits = Annotated[list[str] | None, typer.Option("--split", help="Only this split; repeatable.")]


@data_app.command()
def verify(
    name: DatasetName, data_root: DataRoot = Path("data"), splits: Splits = None, as_json: AsJson = False
) -> None:
    """Check a data set; list all that is wrong.

    Checks that files are there, their counts and checksums, and that every clip decodes to sound of the length, the
    rate and the loudness that can be expected. Of what is wrong with many clips, the first five are printed.
    """
    from harness.datasets import verify as verify_dataset
    from harness.machine import bars

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
                typer.echo(f"{split}: {line}")
        typer.echo(f"{name}: problems found: {len(findings)}" if findings else f"{name}: complete and intact")
    if findings:
        raise typer.Exit(1)


@data_app.command()
def fetch(name: DatasetName, data_root: DataRoot = Path("data"), splits: Splits = None) -> None:
    """Download what may be downloaded.

    Says what you must get yourself. An interrupted download continues where it stopped.
    """
    from harness.datasets import fetch as fetch_dataset
    from harness.machine import bars

    with bars() as progress:
        for line in fetch_dataset(name, data_root, splits=splits, progress=progress):
            typer.echo(line)


@data_app.command()
def leaks(
    card: Annotated[str, typer.Argument(help="A registered name or a card (*.yaml).")],
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
            typer.echo(str(leak))
        typer.echo(report.summary())
    if report.leaks:
        raise typer.Exit(1)
