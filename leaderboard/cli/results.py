"""`lbar results`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import AsJson, echo, print_json, say
from harness.errors import UserError, first_few

results = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Hand results in, and check those that were handed in."
)

Folder = Annotated[
    Path | None, typer.Option("--folder", help="The folder of results; the one that comes with lbar by default.")
]


@results.command("add")
def add_results(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, of evaluations or of outputs that were kept.")],
    by: Annotated[str, typer.Option("--by", help="Who hands them in: a group, or a person.")],
    leaks: Annotated[
        str, typer.Option("--leaks", help="What is known of evaluation clips in the training data: none, or which.")
    ] = "",
    about: Annotated[str, typer.Option("--about", help="What the system is; its card's line by default.")] = "",
    source: Annotated[str, typer.Option("--source", help="Where it comes from; the record's by default.")] = "",
    folder: Folder = None,
) -> None:
    """Add runs to the results, in small and under CC0-1.0, and check them.

    A group's own results are replaced; of these, what is not said anew stays as it was said.
    """
    from leaderboard.results import RESULTS, add

    place = folder or RESULTS
    if folder is None and not (RESULTS.parents[2] / ".git").exists():
        raise UserError(
            "this lbar is not run from a clone, which results are added to; name a clone's folder: --folder"
        )
    for run in runs:
        made, replaced = add(run, by=by, leaks=leaks, about=about, source=source, results=place)
        echo(f"{made}: {'replaced' if replaced else 'added'}, under CC0-1.0")
    say("commit these folders and open a pull request; `lbar board --results` shows them")


@results.command("verify")
def verify_results(
    names: Annotated[
        list[str] | None, typer.Argument(help="Folders of results, or their names; none means all of them.")
    ] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Check that each result's record follows from its queries, and that these are its protocol's."""
    from leaderboard.results import RESULTS, verify_all

    problems = verify_all(folder or RESULTS, names or ())
    if as_json:
        print_json(problems)
    else:
        for name, found in problems.items():
            for line in first_few(found) or ["sound"]:
                echo(f"{name}: {line}")
    if any(problems.values()):
        raise typer.Exit(1)
