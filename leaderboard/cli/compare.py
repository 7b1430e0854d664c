"""`lbar compare`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import AsJson, MaybeProtocol, Runs, print_json, show
from harness.errors import UserError


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Run folders, their names in --out, or systems: their newest runs, or else lbar's results."
        ),
    ],
    out: Runs = Path("runs"),
    protocol: MaybeProtocol = None,
    published: Annotated[
        list[str] | None, typer.Option("--published", help="Compare with this published system, too; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell which system is better, by how much, and whether the difference is significant.

    Where systems have runs under several protocols, --protocol says which are compared. A single run is compared with
    everything that was published for its protocol.
    """
    from leaderboard.comparison import (
        MOST_PUBLISHED,
        against_published,
        compare_rows,
        order_under_other_rules,
        render,
        to_json,
    )
    from leaderboard.results import RESULTS
    from leaderboard.runs import collect, find_rows, published_for

    comparison = compare_rows(find_rows(runs, out, protocol, RESULTS))
    rules = comparison.records[0].protocol.name
    results = tuple(result for name in published or () for result in published_for(rules, name))
    if len(runs) == 1 and not published:
        try:
            results = published_for(rules)
        except UserError as error:
            raise UserError(f"{error}; name a second system or run to compare {runs[0]} with") from None
    against = [one for record in comparison.records for one in against_published(record, results)]
    several = len(comparison.records) > 1
    others = order_under_other_rules(comparison.records, comparison.systems, collect(out)) if several else ()
    if as_json:
        print_json(to_json(comparison, against, others))
        return
    show(lambda _: render(comparison, against, None if published else MOST_PUBLISHED, others))
