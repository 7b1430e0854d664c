"""`lbar score` and `lbar validate`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli_options import AsJson, DataRoot, ProtocolName, print_json

ProfileName = Annotated[
    str, typer.Option("--profile", help="Edition of the challenge: dcase2022 to dcase2025, or a profile's YAML file.")
]
Queries = Annotated[Path | None, typer.Option("--queries", help="CSV of the hidden set's queries, column caption.")]
Audio = Annotated[Path | None, typer.Option("--audio", help="Folder of the hidden set's recordings.")]


def score(
    file: Annotated[Path, typer.Argument(help="A ranked list (2022 to 2024) or a score matrix (2025).")],
    protocol: ProtocolName,
    data_root: DataRoot = Path("data"),
    format: Annotated[str, typer.Option(help="auto, ranked-list or score-matrix.")] = "auto",  # noqa: A002
    as_json: AsJson = False,
) -> None:
    """Score a predictions file, ours or anybody's."""
    from harness.datasets import load
    from harness.datasets.deviations import differences_from_published
    from harness.protocols import get_protocol
    from harness.submission.score import score_file
    from harness.task import pose

    rules = get_protocol(protocol)
    dataset = load(rules.dataset, rules.split, data_root)
    for difference in differences_from_published(dataset, data_root):
        sys.stderr.write(f"not comparable: {difference}\n")
    result = score_file(file, pose(rules, dataset), format)
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(result.to_text())


def validate(
    path: Annotated[Path, typer.Argument(help="An output (*.csv), a meta file (*.yaml), a folder or a zip.")],
    profile: ProfileName,
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="Compare outputs with what this protocol asks, and score them.")
    ] = None,
    queries: Queries = None,
    audio: Audio = None,
    data_root: DataRoot = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Find everything that is wrong with a submission, at once.

    Without --protocol, --queries and --audio, outputs that answer the development-testing split are compared with it
    where the data root has it.
    """
    from harness.errors import UserError
    from harness.submission.expected import of_files, of_protocol
    from harness.submission.profiles import profile as profile_of
    from harness.submission.validation import validate as look

    if protocol and (queries or audio):
        raise UserError("--protocol names queries and clips already; leave out --queries and --audio, or --protocol")
    expected = of_protocol(protocol, data_root) if protocol else of_files(queries, audio)
    result = look(path, profile_of(profile), expected, data_root=data_root)
    if as_json:
        print_json(result.to_json())
    else:
        for block in result.to_text():
            typer.echo(block)
    if not result.is_valid:
        raise typer.Exit(1)
