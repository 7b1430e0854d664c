"""The command `lbar`: parses, calls, prints."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from harness.cli import submission as submission
from harness.cli.options import AsJson, DataRoot, Device, Precision, ProtocolName, Runs, print_json
from harness.errors import UserError, one_line

COMMANDS = "lbar.commands"
"""Entry point group by which other packages add a command, or a group of commands."""


class _Commands(TyperGroup):
    """Turns what the user can mend into one line and an exit code, for every command alike."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            _show_error(error)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            _say("lbar: interrupted; what is done is kept, and the same command goes on from there")
            raise typer.Exit(3) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Evaluate, compare and submit systems for language-based audio retrieval.",
)
data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check data sets, or get them.")
app.add_typer(data_app, name="data")
systems_app = typer.Typer(
    invoke_without_command=True, rich_markup_mode=None, help="List systems, or get what they need."
)
app.add_typer(systems_app, name="systems")
app.command()(submission.score)
app.command()(submission.submit)
app.command()(submission.validate)


DatasetName = Annotated[str, typer.Argument(help="clotho, audiocaps, wavcaps, everyday or folder.")]
Splits = Annotated[list[str] | None, typer.Option("--split", help="Only this split; repeatable.")]


@app.command("eval")
def evaluate_systems(
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            help="Registered names, cards (*.yaml) or package.module:factory; none means every available one."
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
    audio: submission.Audio = None,
    queries: submission.Queries = None,
    profile: submission.MaybeProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate systems by a protocol, or have them answer a hidden set's queries.

    Leaves a folder per run with its record, rankings and predictions file, mirrors it into MLflow, prints the board.
    With --audio and --queries there is no ground truth: what is left are predictions, for `lbar submit`.
    """
    from harness.evaluation.evaluating import Options
    from harness.evaluation.several import evaluate_all
    from harness.machine.progress import bars
    from harness.protocols.named import get_protocol

    options = Options(
        data_root=data_root,
        out=out,
        device=device,
        precision=precision,
        batch_size=_batch_size(batch_size),
        skip_broken=skip_broken,
        keep_embeddings=keep_embeddings,
        again=again,
        predictions=submission.format_of(profile),
    )
    if audio or queries:
        submission.predict_all(systems or [], queries, audio, options, as_json=as_json)
        return
    rules = get_protocol(protocol)
    # What a system prints is no part of what this command prints.
    with bars() as progress, redirect_stdout(sys.stderr):
        batch = evaluate_all(systems or [], rules, options, progress=progress, say=_say)
    if as_json:
        print_json([run.record.model_dump(mode="json") for run in batch.runs])
    elif batch.runs:
        _run_command("board", out=out, protocol=[protocol])
        _say(f"{out}: a folder per run, with its record, its rankings and its predictions file")
    for name, error in batch.failures.items():
        _show_error(error, name)
    if batch.failures:
        raise typer.Exit(2)


@app.command("check")
def check_system(
    system: Annotated[str, typer.Argument(help="A registered name, a card (*.yaml) or package.module:factory.")],
    device: Device = "auto",
    precision: Precision = "fp32",
    as_json: AsJson = False,
) -> None:
    """Tell a system's author what the harness would trip over."""
    from dataclasses import asdict

    from harness.interface.building import load_system
    from harness.interface.conformance import check

    with redirect_stdout(sys.stderr):
        findings = check(load_system(system, device=device, precision=precision))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{system}: {finding.message}")
        if not findings:
            typer.echo(f"{system}: nothing found; it does what the harness relies on")
    if findings:
        raise typer.Exit(1)


@systems_app.callback()
def list_systems(context: typer.Context, as_json: AsJson = False) -> None:
    """List registered systems: what they are, what was published of them, and whether their files are here.

    The published figure is the primary measure in per cent, as printed.
    """
    if context.invoked_subcommand is not None:
        return
    from harness.interface.listing import as_document, as_row, listings

    found = listings()
    if as_json:
        print_json([as_document(listing) for listing in found])
    else:
        _print_table(
            ("system", "parameters", "published", "protocol", "files", "about"), [as_row(one) for one in found]
        )


@systems_app.command("fetch")
def fetch_system(
    name: Annotated[str, typer.Argument(help="A registered name or a card (*.yaml).")],
    training: Annotated[bool, typer.Option("--training", help="Also what only training needs.")] = False,
) -> None:
    """Download what may be downloaded of a system's files.

    They go into the folder LBAR_WEIGHTS, else `weights`. A download that was cut goes on where it stopped.
    """
    from harness.interface.card_fetch import fetch_files
    from harness.machine.progress import bars

    with bars() as progress:
        for line in fetch_files(name, training=training, progress=progress):
            typer.echo(line)


@app.command("protocols")
def list_protocols(as_json: AsJson = False) -> None:
    """List evaluation protocols."""
    from dataclasses import asdict

    from harness.protocols.named import PROTOCOLS

    if as_json:
        print_json([asdict(protocol) | {"digest": protocol.digest} for protocol in PROTOCOLS.values()])
        return
    rows = [
        (protocol.name, f"{protocol.dataset}/{protocol.split}", protocol.direction, " ".join(protocol.measures))
        for protocol in PROTOCOLS.values()
    ]
    _print_table(("protocol", "data", "direction", "measures"), rows)


@app.command()
def track(
    folders: Annotated[list[Path] | None, typer.Argument(help="Run folders; none means every one in --out.")] = None,
    out: Runs = Path("runs"),
) -> None:
    """Mirror run folders into MLflow.

    What is already there stays as it is.
    """
    from harness.runs.tracking.mirroring import mirror_all

    failed = False
    outcomes = mirror_all(out, folders)
    if not outcomes:
        typer.echo(f"no runs in {out}")
    for folder, outcome in outcomes:
        failed = failed or not outcome.done
        typer.echo(f"{folder.name}: {outcome.message}")
    if failed:
        raise typer.Exit(2)


@app.command()
def doctor(data_root: DataRoot = Path("data"), out: Runs = Path("runs"), as_json: AsJson = False) -> None:
    """Describe this machine and lbar's folders."""
    from harness.interface.card_files import weights_root
    from harness.machine.cache import cache_root
    from harness.machine.devices import resolve
    from harness.machine.environment import describe_environment
    from harness.runs.tracking.mirroring import tracking_place

    folders = {"cache": cache_root(), "data": data_root, "runs": out, "weights": weights_root()}
    facts = describe_environment(resolve("auto")).model_dump(mode="json") | {
        "folders": {name: str(folder.absolute()) for name, folder in folders.items()},
        "tracking": tracking_place(out),
    }
    if as_json:
        print_json(facts)
        return
    parts = ((name, value.items() if isinstance(value, dict) else [("", value)]) for name, value in facts.items())
    rows = [(f"{name} {part}".strip(), str(entry)) for name, entries in parts for part, entry in entries if entry]
    _print_table((), rows)


@data_app.command()
def verify(
    name: DatasetName, data_root: DataRoot = Path("data"), splits: Splits = None, as_json: AsJson = False
) -> None:
    """Check a data set; list all that is wrong.

    Looks at presence, counts, checksums, and whether every clip decodes.
    """
    from dataclasses import asdict

    from harness.datasets.publication.verify import verify as verify_dataset
    from harness.machine.progress import bars

    with bars() as progress:
        findings = verify_dataset(name, data_root, splits=splits, progress=progress)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(str(finding))
        typer.echo(f"{name}: {len(findings)} found to mend" if findings else f"{name}: complete and unharmed")
    if findings:
        raise typer.Exit(1)


@data_app.command()
def fetch(name: DatasetName, data_root: DataRoot = Path("data"), splits: Splits = None) -> None:
    """Download what may be downloaded.

    Says what you must get yourself. A download that was cut goes on where it stopped.
    """
    from harness.datasets.publication.fetch import fetch as fetch_dataset
    from harness.machine.progress import bars

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
    """List what a card's system learns from that it may be evaluated on.

    By FreeSound and AudioSet id and by title; by equal samples and by acoustic fingerprint where audio is asked for.
    """
    from harness.datasets.leaks.finding import leaks_of
    from harness.interface.cards import read_card
    from harness.machine.progress import bars

    with bars() as progress:
        report = leaks_of(read_card(card)[0], data_root, audio=audio, progress=progress)
    for line in report.unchecked:
        _say(f"not checked: {line}")
    if as_json:
        print_json(report.to_json())
    else:
        for leak in report.leaks:
            typer.echo(str(leak))
        typer.echo(report.summary())
    if report.leaks:
        raise typer.Exit(1)


def _batch_size(value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdigit() or int(value) == 0:
        raise UserError(f"--batch-size {value!r} is neither `auto` nor a number of clips above 0")
    return int(value)


def _run_command(name: str, **arguments: object) -> None:
    """Call a command that another package added, where it is installed."""
    for entry in entry_points(group=COMMANDS, name=name):
        entry.load()(**arguments)


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns, as wide as what is in them."""
    lines = [header, *rows] if header else rows
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))] if lines else []
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _show_error(error: UserError, who: str = "lbar") -> None:
    for line in (f"{who}: {error}", *(f"  {problem}" for problem in error.problems)):
        _say(line)


def build() -> typer.Typer:
    """The whole command, with what other packages add to it."""
    for entry in entry_points(group=COMMANDS):
        try:
            command = entry.load()
        except Exception as error:
            # Somebody's broken package must not take the other commands with it.
            _say(f"lbar: command {entry.name!r} of {entry.value} is left out: {one_line(error)}")
            continue
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return app


def main() -> None:
    """Run the command line; the exit code is 0 done, 1 a check found something, 2 mend something, 3 interrupted."""
    build()()
