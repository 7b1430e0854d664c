"""The order in which systems are trained, each after its ancestors, and the paper's tables as lists of cards."""

from collections.abc import Sequence

from harness.errors import UserError
from harness.interface import ancestors_of, identity, read_card, training_of

ENCODERS = ("passt", "atst", "mn")
STAGES = ("stage1", "m1", "m3")
_SMALL = tuple(f"tiny-{encoder}{stage}" for stage in ("", "-m1", "-m3") for encoder in ENCODERS)

TABLES = {
    "table1": {
        "clotho": tuple(f"{encoder}-{stage}-clotho" for stage in STAGES for encoder in ENCODERS),
        "audiocaps": tuple(f"{encoder}-{stage}-audiocaps" for stage in STAGES for encoder in ENCODERS),
        "everyday": _SMALL,
    },
    "table2": {
        "clotho": (*(f"{encoder}-stage1-all" for encoder in ENCODERS), "passt-finetuned-all", "passt-distilled-all")
    },
    "finding": {"everyday": (*_SMALL, *(f"tiny-{encoder}-longer" for encoder in ENCODERS))},
}
"""The systems of each table of the paper, by the data set it is about; those of `everyday` are the small ones.

`finding` has beside them stage 1 gone on for as long as stage 2 takes, which the paper does not have."""


def cards_of(names: Sequence[str], dataset: str | None = None) -> list[str]:
    """The cards that names stand for, with the cards of tables, each after its ancestors.

    Args:
        names: registered systems, cards (*.yaml), or tables.
        dataset: which part of a table; needed where a table is named.

    Raises:
        UserError: a table has no such part, a card cannot be read, or systems are ancestors of each other in a circle.

    >>> cards_of(["table2"], "clotho")[-1]
    'passt-distilled-all'
    """
    wanted = [card for name in names for card in (_table(name, dataset) if name in TABLES else (name,))]
    named = {identity(name): name for name in reversed(wanted)}
    ordered: dict[str, None] = {}
    for name in wanted:
        card, folder = read_card(name)
        needed = (identity(ancestor.name) for ancestor in reversed(ancestors_of(training_of(card), folder)))
        ordered |= dict.fromkeys(named[one] for one in (*needed, identity(name)) if one in named)
    return list(ordered)


def _table(name: str, dataset: str | None) -> tuple[str, ...]:
    parts = TABLES[name]
    if dataset not in parts:
        raise UserError(f"{name} is of {', '.join(parts)}; say which by --protocol {next(iter(parts))}")
    return parts[dataset]
