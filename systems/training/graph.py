"""Which systems have to be trained before others, and the paper's tables as lists of cards."""

from collections.abc import Sequence
from typing import Any

from harness.errors import UserError
from harness.interface import read_card

ENCODERS = ("passt", "atst", "mn")
STAGES = ("stage1", "m1", "m3")
TABLES = {
    "table1": {
        "clotho": tuple(f"{encoder}-{stage}-clotho" for stage in STAGES for encoder in ENCODERS),
        "audiocaps": tuple(f"{encoder}-{stage}-audiocaps" for stage in STAGES for encoder in ENCODERS),
        "everyday": tuple(f"tiny-{encoder}{stage}" for stage in ("", "-m1", "-m3") for encoder in ENCODERS),
    },
    "table2": {
        "clotho": (*(f"{encoder}-stage1-all" for encoder in ENCODERS), "passt-finetuned-all", "passt-distilled-all")
    },
}
"""The systems of each table of the paper by the data set it is about; `everyday` has the small ones."""


def cards_of(names: Sequence[str], dataset: str | None = None) -> list[str]:
    """The cards that names stand for, tables spelt out, each after those it starts from or is taught by.

    Args:
        names: registered systems, cards (*.yaml), or tables.
        dataset: which part of a table; needed where a table is named.

    Raises:
        UserError: a table has no such part, a card cannot be read, or systems teach each other in a circle.

    >>> cards_of(["table2"], "clotho")[-1]
    'passt-distilled-all'
    """
    wanted = [card for name in names for card in (_table(name, dataset) if name in TABLES else (name,))]
    ordered: list[str] = []
    for name in dict.fromkeys(wanted):
        _place(name, wanted, ordered, ())
    return ordered


def _table(name: str, dataset: str | None) -> tuple[str, ...]:
    parts = TABLES[name]
    if dataset not in parts:
        raise UserError(f"{name} is of {', '.join(parts)}; say which by --protocol {next(iter(parts))}")
    return parts[dataset]


def _place(name: str, wanted: Sequence[str], ordered: list[str], above: tuple[str, ...]) -> None:
    """Put a card behind those it needs, as far as these are wanted too."""
    if name in above:
        circle = " → ".join((*above[above.index(name) :], name))
        raise UserError(f"systems start from or teach each other in a circle: {circle}")
    if name in ordered:
        return
    training: Any = read_card(name)[0].get("training") or {}
    for needed in (training.get("start"), *(training.get("teachers") or ())):
        if needed in wanted:
            _place(needed, wanted, ordered, (*above, name))
    ordered.append(name)
