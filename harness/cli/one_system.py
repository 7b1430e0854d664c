"""How `lbar systems NAME` shows one system."""

import shlex
from os.path import normpath
from pathlib import Path
from typing import TypedDict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.datasets import Missing
from harness.errors import FEW, UserError
from harness.interface import Card, Listing, Needed, read_card, training_of, weights_root
from harness.machine import in_bytes
from harness.runs import EvaluationRecord, find_runs, read_any_record

Rows = list[tuple[str, str]]
"""A label and a text each."""


class OwnRun(TypedDict):
    """What a system reached in a run of a folder: the protocol's primary measure and its 95 % interval."""

    folder: str
    protocol: str
    measure: str
    value: float
    low: float
    high: float


def own_runs(listing: Listing, out: Path) -> list[OwnRun]:
    """The comparable runs of a system in a folder of run folders, the newest first."""
    names = (listing.name, listing.card and listing.card.name)
    records: list[tuple[Path, EvaluationRecord]] = []
    for folder in find_runs(out, kind=None):
        try:
            record = read_any_record(folder)
        except UserError:
            # `lbar board` says what is wrong with it.
            continue
        if isinstance(record, EvaluationRecord) and record.system.name in names and record.comparable:
            records.append((folder, record))
    records.sort(key=lambda run: run[1].created, reverse=True)
    return [_own_run(folder, record) for folder, record in records]


def _own_run(folder: Path, record: EvaluationRecord) -> OwnRun:
    first = record.primary
    return OwnRun(
        folder=str(folder),
        protocol=record.protocol.name,
        measure=first.name,
        value=first.value,
        low=first.low,
        high=first.high,
    )


def rendered(listing: Listing, missing: Missing, runs: list[OwnRun], out: Path) -> RenderableType:
    """The system in blocks: what it is, what was published of it, its runs, its files, what is missing, commands."""
    card, name = listing.card, listing.name
    size = f", about {in_bytes(missing.size)}" if missing.size else ""
    blocks: dict[str, Rows] = {
        f"{name}: {card.about}" if card and card.about else name: _about(listing),
        "published, in per cent": _published(card) if card else [],
        f"runs in {out}": [(run["protocol"], _reached(run)) for run in runs[:FEW]],
        "its files": [_file(needed) for needed in listing.files],
        f"missing before it runs{size}": [("-", str(part)) for part in missing.parts],
        "commands, in this order": [(str(number), step) for number, step in enumerate(_steps(listing, missing), 1)],
    }
    laid_out: list[RenderableType] = []
    for title, rows in blocks.items():
        if rows:
            table = Table.grid(padding=(0, 2))
            for label, text in rows:
                table.add_row(Text(f"  {label}", no_wrap=True), Text(text, overflow="fold"))
            laid_out += [Text(title), table, Text()]
    return Group(*laid_out[:-1])


def _about(listing: Listing) -> Rows:
    card = listing.card
    if card is None:
        return [("built by", listing.target), ("needs", "what only its code knows, as it has no card")]
    training = training_of(read_card(listing.name)[0])
    rows = [
        ("parameters", f"{card.parameters / 1e6:.1f} M" if card.parameters else ""),
        ("trained on", ", ".join(card.all_training_data)),
        ("starts from", training.start),
        ("taught by", ", ".join(training.teachers)),
        ("made of", ", ".join(card.members)),
        ("licence", card.licence),
        ("source", card.source),
        ("card", listing.target),
    ]
    return [row for row in rows if row[1]]


def _published(card: Card) -> Rows:
    return [
        (one.protocol, "  ".join(f"{name} {value:.2f}" for name, value in one.measures.items()) + f"  ({one.source})")
        for one in card.published
    ]


def _reached(run: OwnRun) -> str:
    return f"{run['measure']} {run['value']:.3f} [{run['low']:.3f}, {run['high']:.3f}]  ({run['folder']})"


def _file(needed: Needed) -> tuple[str, str]:
    file, place = needed.file, normpath(needed.place or weights_root() / needed.file.path)
    size = f" (about {in_bytes(file.size)})" if file.size else ""
    state = "here" if needed.place else "missing"
    return state, f"{place}{size}{', for training only' if file.training_only else ''}"


def _steps(listing: Listing, missing: Missing) -> list[str]:
    """What to run for the system to be here, and to be evaluated."""
    card = listing.card
    protocol = f" --protocol {card.published[0].protocol}" if card and card.published else ""
    steps = [*missing.downloads, missing.training, f"lbar eval {shlex.quote(listing.name)}{protocol}"]
    return [step for step in steps if step]
