"""`lbar eval`, `lbar check` and `lbar protocols`."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.commands import companion
from harness.cli.options import (
    AsJson,
    Config,
    DataRoot,
    Device,
    On,
    Precision,
    ProtocolNames,
    Runs,
    Trust,
    complete_system,
)
from harness.cli.printing import echo, end_with, print_json, print_table, say, show_error
from harness.cli.submission import Audio, MaybeProfileName, Queries, format_of, predict_all
from harness.errors import UserError


def evaluate_systems(
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            autocompletion=complete_system,
            help="Registered names, cards (*.yaml) or package.module:factory; none means every available one.",
        ),
    ] = None,
    protocol: ProtocolNames = None,
    data_root: DataRoot = Path("data"),
    out: Runs = Path("runs"),
    device: Device = "auto",
    precision: Precision = "fp32",
    batch_size: Annotated[str, typer.Option(help="auto, or a number of clips.")] = "auto",
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave broken clips out; the record is then not comparable.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many clips, for a quick look; never comparable.")
    ] = None,
    keep_embeddings: Annotated[bool, typer.Option(help="Store the embeddings in the run folder.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Evaluate even where a finished run is there.")] = False,
    on: On = None,
    audio: Audio = None,
    trust: Trust = False,  # noqa: ARG001
    queries: Queries = None,
    profile: MaybeProfileName = None,
    config: Config = None,  # noqa: ARG001
    as_json: AsJson = False,
) -> None:
    """Evaluate systems by one or more protocols (everyday by default), or have them answer a hidden set's queries.

    Leaves a folder per run with its record, rankings and predictions file, mirrors it into MLflow, prints the board.
    With --audio and --queries there is no ground truth: what is left are predictions, for `lbar submit`.
    """
    from harness.evaluation import Options, Workers, evaluate_all
    from harness.machine import bars
    from harness.protocols import get_protocol

    options = Options(
        data_root=data_root,
        out=out,
        device=device,
        precision=precision,
        batch_size=_batch_size(batch_size),
        skip_broken=skip_broken,
        limit=limit,
        keep_embeddings=keep_embeddings,
        again=again,
        predictions=format_of(profile),
        workers=Workers(on) if on else None,
    )
    if audio or queries:
        predict_all(systems or [], queries, audio, options, as_json=as_json)
        return
    rules = list({one.digest: one for one in map(get_protocol, protocol or ["everyday"])}.values())
    # What a system prints is no part of what this command prints.
    with bars() as progress, redirect_stdout(sys.stderr):
        batch = evaluate_all(systems or [], rules, options, progress=progress, say=say)
    if as_json:
        print_json([run.record.model_dump(mode="json") for run in batch.runs])
    elif batch.runs:
        companion("board")(out=out, protocol=[one.name for one in rules])
        say(f"{out}: a folder per run, with its record, its rankings and its predictions file")
    end_with(batch.failures)


def check_system(
    system: Annotated[
        str,
        typer.Argument(
            autocompletion=complete_system, help="A registered name, a card (*.yaml) or package.module:factory."
        ),
    ],
    device: Device = "auto",
    precision: Precision = "fp32",
    trust: Trust = False,  # noqa: ARG001
    as_json: AsJson = False,
) -> None:
    """Check that a system does what the harness relies on, and list what its author has to mend."""
    from harness.interface import check, load_system

    with redirect_stdout(sys.stderr):
        findings = check(load_system(system, device=device, precision=precision))
    if as_json:
        print_json([{"check": finding.check, "message": finding.found} for finding in findings])
    else:
        for finding in findings:
            echo(f"{system}: {finding.found}")
        if not findings:
            echo(f"{system}: nothing found; it does what the harness relies on")
    if findings:
        raise typer.Exit(1)


def list_protocols(
    files: Annotated[
        list[str] | None, typer.Argument(help="Only these; YAML files of your own are read, and checked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List evaluation protocols."""
    from harness.measures import measures_of
    from harness.protocols import get_protocol, protocol_problems, protocols

    listed = [get_protocol(name) for name in files or ()] or list(protocols().values())
    for protocol in listed:
        measures_of(protocol)
    if as_json:
        print_json([asdict(protocol) | {"digest": protocol.digest} for protocol in listed])
    else:
        rows = [(one.name, f"{one.dataset}/{one.split}", one.direction, " ".join(one.measures)) for one in listed]
        print_table(("protocol", "data", "direction", "measures"), rows)
    for problem in protocol_problems():
        show_error(problem)


def _batch_size(value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdigit() or int(value) == 0:
        raise UserError(f"--batch-size {value!r} is neither `auto` nor a number of clips above 0")
    return int(value)
