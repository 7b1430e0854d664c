"""What quality can be plotted against; a new axis is an entry here, for the command and for the page alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.errors import unknown

if TYPE_CHECKING:
    from leaderboard.board.entries import Entry


@dataclass(frozen=True, slots=True)
class Axis:
    """Something a system costs, or what is got for it.

    Attributes:
        name: as `lbar board --against` takes it, and the page's document has it.
        label: what it shows.
        of: its value for an entry of the board, `None` where it is not known.
        less_is_better: whether a smaller value is better.
        source: where values come from, for the message that there are none.
        unit: of the axis in a drawing, if that is not one.
        unit_size: the value of one such unit.
        on_hardware: whether values depend on the hardware, which is then named beside the label.
        style: how the page writes a value: `size` as in 86.1 M, `whole` as in 1,200, `decimal` as in 3.4.
    """

    name: str
    label: str
    of: "Callable[[Entry], float | None]"
    less_is_better: bool = True
    source: str = "from a speed record of the same system"
    unit: str = ""
    unit_size: float = 1.0
    on_hardware: bool = False
    style: Literal["size", "whole", "decimal"] = "decimal"


AXES = (
    Axis(
        "parameters",
        "parameters",
        lambda entry: entry.parameters or None,
        source="from its card",
        unit="millions",
        unit_size=1e6,
        style="size",
    ),
    Axis(
        "throughput",
        "clips per second",
        lambda entry: entry.clips_per_second,
        less_is_better=False,
        on_hardware=True,
        style="whole",
    ),
    Axis("gflops", "GFLOPs per clip", lambda entry: entry.gflops_per_clip),
)


def axis_names() -> list[str]:
    """The names of all axes, the default first."""
    return [axis.name for axis in AXES]


def get_axis(name: str) -> Axis:
    """The axis of this name.

    Raises:
        UserError: there is none.
    """
    for axis in AXES:
        if axis.name == name:
            return axis
    raise unknown("axis", name, axis_names())
