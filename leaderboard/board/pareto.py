"""Quality against what it costs: which systems no other beats in both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from leaderboard.board.entries import Entry, Standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Cost:
    """Something a system costs, or what is got for it.

    Attributes:
        name: as a person asks for it.
        label: of the axis.
        of: its value of an entry, `None` where it is not known.
        less_is_better: whether a smaller value is better.
    """

    name: str
    label: str
    of: Callable[[Entry], float | None]
    less_is_better: bool


COSTS = {
    cost.name: cost
    for cost in (
        Cost("parameters", "parameters (millions)", lambda entry: entry.parameters / 1e6 or None, True),
        Cost("throughput", "clips per second", lambda entry: entry.clips_per_second, False),
        Cost(
            "gflops",
            "GFLOPs per clip",
            lambda entry: entry.gflops_per_clip,
            True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Point:
    """A system in the plot; `low` and `high` are `None` for a reported figure."""

    label: str
    cost: float
    value: float
    low: float | None
    high: float | None
    on_front: bool


def points(standing: Standing, cost: Cost) -> list[Point]:
    """The systems whose cost is known, those with the least cost first.

    On the front are those that no other measured or reported system beats by the primary measure at no more cost.
    """
    primary = standing.protocol.primary
    known = [
        (entry, value, entry.measures[primary])
        for entry in standing.entries
        if (value := cost.of(entry)) is not None and primary in entry.measures
    ]
    best_first = sorted(known, key=lambda one: (one[1] if cost.less_is_better else -one[1], -one[2].value))
    found: list[Point] = []
    reached = float("-inf")
    for entry, value, measure in best_first:
        found.append(Point(entry.label, value, measure.value, measure.low, measure.high, measure.value > reached))
        reached = max(reached, measure.value)
    return found


def draw(standing: Standing, cost: Cost, path: Path) -> None:
    """Draw the plot into a file of the kind its name ends with: svg, pdf or png.

    Readable without colour: measured systems are dots with their 95 % intervals, reported ones open diamonds, and the
    front is a line.

    Raises:
        UserError: no system's cost is known, or the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = points(standing, cost)
    if not found:
        raise UserError(
            f"no system of {standing.protocol.name} has a figure for {cost.name}; it comes "
            f"{'from its card' if cost.name == 'parameters' else 'from a speed record of the same system'}"
        )
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    with mpl.rc_context({"svg.hashsalt": "lbar", "font.size": 9}):
        axes = figure.add_subplot()
        _plot(axes, found, cost, standing)
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


def _plot(axes: "Axes", found: Sequence[Point], cost: Cost, standing: Standing) -> None:
    if max(one.cost for one in found) > 10 * min(one.cost for one in found) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    front = [(one.cost, one.value) for one in found if one.on_front]
    # Who affords more than the best system costs still gets the best one.
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
    axes.set_xlabel(cost.label + (f", on {standing.hardware}" if cost.name == "throughput" else ""))
    axes.set_ylabel(standing.protocol.primary)
    axes.set_title(standing.title, loc="left", fontsize=10)
    axes.margins(x=0.12, y=0.1)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: "Axes", found: Sequence[Point]) -> None:
    """Names beside their points, on the left where the right is near the edge; of many only those on the front."""
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
