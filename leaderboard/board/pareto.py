"""Quality against cost, and the Pareto front: the systems that no other one beats in both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from leaderboard.board.axes import Axis
from leaderboard.board.entries import Standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Point:
    """A system in the plot, its cost in the unit of the axis; `low` and `high` are `None` for a reported figure."""

    label: str
    cost: float
    value: float
    low: float | None
    high: float | None
    on_front: bool


def points(standing: Standing, axis: Axis) -> list[Point]:
    """The systems whose cost is known, the best cost first.

    On the front are the systems that no other one, measured or reported, beats by the primary measure at no more cost.
    """
    primary = standing.protocol.primary
    known = [
        (entry, cost / axis.unit_size, entry.measures[primary])
        for entry in standing.entries
        if (cost := axis.of(entry)) is not None and primary in entry.measures
    ]
    best_first = sorted(known, key=lambda one: (one[1] if axis.less_is_better else -one[1], -one[2].value))
    found: list[Point] = []
    reached = float("-inf")
    for entry, cost, measure in best_first:
        found.append(Point(entry.label, cost, measure.value, measure.low, measure.high, measure.value > reached))
        reached = max(reached, measure.value)
    return found


def draw(standing: Standing, axis: Axis, path: Path) -> None:
    """Draw the plot into a file of the kind its name ends with: svg, pdf or png.

    Readable without colour: measured systems are dots with their 95 % intervals, reported ones open diamonds, and the
    front is a line.

    Raises:
        UserError: no system's cost is known, or the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = points(standing, axis)
    if not found:
        raise UserError(f"no system of {standing.protocol.name} has a figure for {axis.name}; it comes {axis.source}")
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    with mpl.rc_context({"svg.hashsalt": "lbar", "font.size": 9}):
        axes = figure.add_subplot()
        _plot(axes, found)
        _describe(axes, axis, standing)
        _save(figure, path)


def _save(figure: "Figure", path: Path) -> None:
    temporary = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        figure.savefig(temporary, dpi=200, metadata={"Date": None} if path.suffix == ".svg" else None)
        temporary.replace(path)
    except ValueError as error:
        raise UserError(f"{path}: {error}; name a file that ends in .svg, .pdf or .png") from error
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


_INK, _FRONT = "#222222", "#0072B2"


def _plot(axes: "Axes", found: Sequence[Point]) -> None:
    """Draw the systems and the front; the scale is logarithmic where costs differ by more than a factor of ten."""
    if max(one.cost for one in found) > 10 * min(one.cost for one in found) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    front = [(one.cost, one.value) for one in found if one.on_front]
    # At a higher cost than the best system's, the best system is still to be had.
    front.append((found[-1].cost, front[-1][1]))
    axes.step(*zip(*front, strict=True), where="post", color=_FRONT, lw=1.2)
    for one in found:
        colour = _FRONT if one.on_front else _INK
        if one.low is None or one.high is None:
            axes.plot(one.cost, one.value, marker="D", markersize=4, mfc="none", mec=colour, ls="none")
        else:
            spread = [[one.value - one.low], [one.high - one.value]]
            axes.errorbar(one.cost, one.value, yerr=spread, fmt="o", markersize=4.5, color=colour, lw=1, capsize=2)
    _label(axes, found)


def _describe(axes: "Axes", axis: Axis, standing: Standing) -> None:
    """Write the title and the axes' labels, and draw the grid."""
    unit = f" ({axis.unit})" if axis.unit else ""
    axes.set_xlabel(f"{axis.label}{unit}" + (f", on {standing.hardware}" if axis.on_hardware else ""))
    axes.set_ylabel(standing.protocol.primary)
    axes.set_title(standing.title, loc="left", fontsize=10)
    axes.margins(x=0.12, y=0.1)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: "Axes", found: Sequence[Point]) -> None:
    """Write names beside the points, on the left of those near the right edge; of many points only the front's."""
    named = [one for one in found if one.on_front or len(found) <= 15]
    costs = [one.cost for one in found]
    for one in named:
        low, high = axes.transData.transform([(min(costs), 0), (max(costs), 0)])[:, 0]
        at = axes.transData.transform((one.cost, 0))[0]
        left = high > low and (at - low) / (high - low) > 0.7
        axes.annotate(
            one.label.replace("$", r"\$"),
            (one.cost, one.value),
            xytext=(-6 if left else 6, 3),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=8,
            color=_FRONT if one.on_front else _INK,
        )
