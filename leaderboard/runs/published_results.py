"""Published results of other systems, each with its source, from `published.csv`: as reported, not measured here.

A figure stands on the board of the protocol it was measured by. Figures that contradict each other, are probably
contaminated, or are of hidden test sets or other protocols on the same data are not in the file.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.errors import UserError, nearest

FILE = Path(__file__).with_name("published.csv")
_ABOUT = (
    "protocol", "system", "year", "team", "parameters_millions", "trained_on", "uses", "source", "confidence", "note"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A printed figure: its value between 0 and 1, and its rounding error, half a unit of its last digit.

    >>> Figure.read("42")
    Figure(value=0.42, rounding=0.005)
    """

    value: float
    rounding: float

    @classmethod
    def read(cls, printed: str) -> "Figure":
        """Read per cent as printed."""
        decimals = len(printed.partition(".")[2])
        return cls(round(float(printed) / 100, decimals + 2), 0.5 / 10 ** (decimals + 2))


@dataclass(frozen=True)
class Published:
    """A system as somebody reported it.

    Attributes:
        protocol: name of the protocol.
        system: what its authors call it.
        year: of the report.
        team: who made it.
        measures: figures by name of the measure.
        parameters: number of parameters, 0 where it is not known.
        trained_on: its training data, in the source's words.
        uses: kinds of metadata that it uses beside the sound of a clip.
        source: where it is printed.
        confidence: `primary` as its authors or the organisers print it, `secondary` as others quote it.
        note: remarks.
    """

    protocol: str
    system: str
    year: int
    team: str
    measures: Mapping[str, Figure]
    parameters: int
    trained_on: str
    source: str
    confidence: str
    note: str
    uses: tuple[str, ...] = ()


@cache
def published(path: Path = FILE) -> tuple[Published, ...]:
    """All published results."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Published(
                protocol=row["protocol"],
                system=row["system"],
                year=int(row["year"]),
                team=row["team"],
                measures={name: Figure.read(cell) for name, cell in row.items() if name not in _ABOUT and cell},
                parameters=round(float(row["parameters_millions"] or 0) * 1e6),
                trained_on=row["trained_on"],
                source=row["source"],
                confidence=row["confidence"],
                note=row["note"],
                uses=tuple(row["uses"].split()),
            )
            for row in csv.DictReader(file)
        )


def published_for(protocol: str, system: str | None = None) -> tuple[Published, ...]:
    """The published results for one protocol, or only that of one system.

    Raises:
        UserError: none was published for the protocol, or not for this system.
    """
    found = tuple(result for result in published() if result.protocol == protocol)
    if not found:
        known = ", ".join(dict.fromkeys(result.protocol for result in published()))
        raise UserError(f"no published result is known for protocol {protocol}; there are some for {known}")
    if system is None:
        return found
    named = tuple(result for result in found if result.system == system)
    if not named:
        near = nearest(system, [result.system for result in found], cutoff=0.3)
        hint = f"did you mean {near!r}?" if near else "`lbar board --published` lists them"
        raise UserError(f"no published result of {system!r} is known for protocol {protocol}; {hint}")
    return named
