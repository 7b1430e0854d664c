"""`lbar eval`, `lbar check` and `lbar protocols`."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.commands import companion
from harness.cli.options import AsJson, DataRoot, Device, On, Precision, ProtocolName, Runs, Trust, complete_system
from harness.cli.printing import echo, end_with, print_json, print_table, say
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
    protocol: ProtocolName = "everyday",
    data_root: DataRoot = Path("data"),
    out: Runs = Path("runs"),
    device: Device = "auto",
    precision: Precision = "fp32",
    batch_size: Annotated[str, typer.Option(help="auto, or a number of clips.")] = "auto",
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave broken clips out; the record is then not comparable.")
    ] = False,
    keep_embeddings: Annotated[bool, typer.Option(help="Store the embeddings in the run folder.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Evaluate even where a finished run is there.")] = False,
    on: On = None,
    audio: Audio = None,
    trust: Trust = False,  # noqa: ARG001
    queries: Queries = None,
    profile: MaybeProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate systems by a protocol, or have them answer a hidden set's queries.

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
        keep_embeddings=keep_embeddings,
        again=again,
        predictions=format_of(profile),
        workers=Workers(on) if on else None,
    )
    if audio or queries:
        predict_all(systems or [], queries, audio, options, as_json=as_json)
        return
    rules = get_protocol(protocol)
    # What a system prints is no part of what this command prints.
    with bars() as progress, redirect_stdout(sys.stderr):
        batch = evaluate_all(systems or [], rules, options, progress=progress, say=say)
    if as_json:
        print_json([run.record.model_dump(mode="json") for run in batch.runs])
    elif batch.runs:
        companion("board")(out=out, protocol=[protocol])
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


def list_protocols(as_json: AsJson = False) -> None:
    """List evaluation protocols."""
    from harness.protocols import PROTOCOLS

    if as_json:
        print_json([asdict(protocol) | {"digest": protocol.digest} for protocol in PROTOCOLS.values()])
        return
    rows = [
        (protocol.name, f"{protocol.dataset}/{protocol.split}", protocol.direction, " ".join(protocol.measures))
        for protocol in PROTOCOLS.values()
    ]
    print_table(("protocol", "data", "direction", "measures"), rows)


def _batch_size(value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdigit() or int(value) == 0:
        raise UserError(f"--batch-size {value!r} is neither `auto` nor a number of clips above 0")
    return int(value)
