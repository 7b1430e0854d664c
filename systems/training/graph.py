"""The order in which systems are trained, each after its ancestors, and the paper's tables as lists of cards."""

from collections.abc import Callable, Sequence

from harness.errors import UserError
from harness.interface import ancestors_of, identity, read_card, target_of, training_of
from harness.protocols import get_protocol

ENCODERS = ("passt", "atst", "mn")
STAGES = ("stage1", "m1", "m3")
_SMALL = tuple(f"tiny-{encoder}{stage}" for stage in ("-pretrained", "", "-m1", "-m3") for encoder in ENCODERS)

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

_PROTOCOLS = {"clotho": "clotho-dcase2024"}
"""The paper's protocol by the data set's name, where the two differ."""


def cards_of(names: Sequence[str], protocol: str | None = None, say: Callable[[str], None] = print) -> list[str]:
    """The cards that names stand for, with the cards of tables, each after its ancestors.

    Args:
        names: registered systems, cards (*.yaml), or tables.
        protocol: its data set says which part of a table; needed where a table is named that has several.
        say: receives a line where a data set is named in its place, as in version 0.1.

    Raises:
        UserError: there is no such protocol, a table has no part for it, a card cannot be read, or systems are
            ancestors of each other in a circle.

    >>> cards_of(["table2"], "clotho-dcase2024")[-1]
    'passt-distilled-all'
    """
    if protocol in _PROTOCOLS:
        say(f"--protocol {protocol} is no protocol and will be refused in a later version; say {_PROTOCOLS[protocol]}")
        protocol = _PROTOCOLS[protocol]
    dataset = get_protocol(protocol).dataset if protocol else None
    for name in names:
        if name not in TABLES:
            target_of(name, TABLES)
    wanted = [card for name in names for card in (_table(name, dataset) if name in TABLES else (name,))]
    named = {identity(name): name for name in reversed(wanted)}
    ordered: dict[str, None] = {}
    for name in wanted:
        ordered |= dict.fromkeys(named[one] for one in (*_ancestors(name), identity(name)) if one in named)
    return list(ordered)


def needed_by(names: Sequence[str]) -> list[list[int]]:
    """For each of these cards the numbers of those among them that it starts from or is taught by.

    >>> needed_by(["tiny-passt", "tiny-atst", "tiny-passt-m1"])
    [[], [], [0]]
    """
    numbers = {identity(name): number for number, name in enumerate(names)}
    return [sorted({numbers[one] for one in _ancestors(name) if one in numbers}) for name in names]


def _ancestors(name: str) -> list[str]:
    """The identities of the systems that a card starts from or is taught by, and of theirs, the earliest first."""
    card, folder = read_card(name)
    return [identity(ancestor.name) for ancestor in reversed(ancestors_of(training_of(card), folder))]


def _table(name: str, dataset: str | None) -> tuple[str, ...]:
    parts = TABLES[name]
    if dataset is None and len(parts) == 1:
        return next(iter(parts.values()))
    if dataset not in parts:
        known = " or ".join(_PROTOCOLS.get(part, part) for part in parts)
        what = f"has no part of {dataset}; it is" if dataset else "is"
        raise UserError(f"{name} {what} of {', '.join(parts)}; say which by --protocol {known}")
    return parts[dataset]
