"""`lbar track`, `lbar restore` and `lbar doctor`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.options import AsJson, DataRoot, Runs
from harness.cli.printing import echo, print_json, print_table, say


def track(
    folders: Annotated[list[Path] | None, typer.Argument(help="Run folders; none means every one in --out.")] = None,
    out: Runs = Path("runs"),
) -> None:
    """Mirror run folders into MLflow.

    What is already there stays as it is.
    """
    from harness.runs import mirror_all

    failed = False
    outcomes = mirror_all(out, folders)
    if not outcomes:
        echo(f"no runs in {out}")
    for folder, outcome in outcomes:
        failed = failed or not outcome.done
        echo(f"{folder.name}: {outcome.message}")
    if failed:
        raise typer.Exit(2)


def doctor(data_root: DataRoot = Path("data"), out: Runs = Path("runs"), as_json: AsJson = False) -> None:
    """Describe this machine and lbar's folders.

    Exit code 1 says that other packages are, or would here be, taken for lbar's.
    """
    from harness.interface import weights_root
    from harness.machine import cache_root, describe_environment, other_packages, resolve
    from harness.runs import tracking_place

    folders = {"cache": cache_root(), "data": data_root, "runs": out, "weights": weights_root()}
    facts = describe_environment(resolve("auto")).model_dump(mode="json") | {
        "folders": {name: str(folder.absolute()) for name, folder in folders.items()},
        "tracking": tracking_place(out),
    }
    others = other_packages()
    if as_json:
        print_json(facts | {"other_packages": others})
    else:
        _print_facts(facts)
    for line in others:
        say(line)
    if others:
        raise typer.Exit(1)


def _print_facts(facts: dict[str, Any]) -> None:
    parts = ((name, value.items() if isinstance(value, dict) else [("", value)]) for name, value in facts.items())
    rows = [(f"{name} {part}".strip(), str(entry)) for name, entries in parts for part, entry in entries if entry]
    print_table((), rows)


def restore(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Protocols, `speed`, or MLflow run ids; none means all that was mirrored."),
    ] = None,
    out: Runs = Path("runs"),
) -> None:
    """Make run folders again from MLflow.

    What is already there stays as it is.
    """
    from harness.runs import restore as restore_runs

    for name in names or (None,):
        for folder in restore_runs(name, out=out):
            echo(str(folder))
