"""Draw whether a teacher's average precision predicts what its student gains.

    for seed in 0 1 2
    do for card in tiny-passt-m1 tiny-atst-m1 tiny-mn-m1
       do LBAR_WEIGHTS=seed-$seed lbar correspondences agreement $card --json >> agreement-$seed.jsonl; done; done
    python tools/draw_gains.py everyday gains.svg agreement-0.jsonl=runs/seed-0 agreement-1.jsonl=runs/seed-1 …

Each file holds what teachers know of the training captions' other clips, each folder the runs of the same seed. A
teacher by itself has one student, the same system after stage 2; three together have three.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from draw_agreement import NAMES, read
from matplotlib.figure import Figure
from tabulate_stages import read_seeds

COLOURS = {"tiny-passt": "#0072B2", "tiny-atst": "#D55E00", "tiny-mn": "#009E73"}
MEASURE = "mAP@10"


class Point(NamedTuple):
    """A student: the system it was before, its number of teachers, their average precision, and what it gained."""

    before: str
    teachers: int
    precision: float
    gain: float


class Line(NamedTuple):
    """The line of least squares through points, and their correlation."""

    slope: float
    intercept: float
    correlation: float


def students(teachers: Sequence[str]) -> dict[str, str]:
    """The students of teachers, each with the system that it was before.

    >>> students(["tiny-mn"])
    {'tiny-mn-m1': 'tiny-mn'}
    """
    return {f"{teacher}-m{len(teachers)}": teacher for teacher in teachers}


def points(protocol: str, agreement: Path, runs: Path) -> list[Point]:
    """The students of one seed."""
    found = []
    for said in read(agreement):
        for student, before in students(said["teachers"]).items():
            gain = read_seeds([runs], [student, before], protocol).gain([(student, before)], MEASURE).value
            found.append(Point(before, len(said["teachers"]), said["others_estimated"]["mean"], gain))
    return found


def fitted(found: Sequence[Point]) -> Line:
    """Fit a line to at least two points with different precisions."""
    precision, gain = (np.array([getattr(point, side) for point in found]) for side in ("precision", "gain"))
    slope, intercept = np.polyfit(precision, gain, 1)
    return Line(float(slope), float(intercept), float(np.corrcoef(precision, gain)[0, 1]))


def draw(found: Sequence[Point], line: Line, path: Path) -> None:
    """Draw the points, filled where there were several teachers, and the line."""
    figure = Figure(figsize=(6.6, 3.4), layout="constrained")
    with mpl.rc_context({"svg.hashsalt": "lbar", "font.size": 9}):
        axes = figure.subplots()
        for point in found:
            colour = COLOURS[point.before]
            label = f"{NAMES[point.before]}, M = {point.teachers}"
            shown = {one.get_label() for one in axes.get_children()}
            axes.plot(
                point.precision,
                point.gain,
                "o",
                color=colour,
                markerfacecolor=colour if point.teachers > 1 else "white",
                label=None if label in shown else label,
            )
        ends = np.array([min(point.precision for point in found), max(point.precision for point in found)])
        axes.plot(ends, line.slope * ends + line.intercept, color="#999999", lw=1, zorder=0)
        axes.axhline(0, color="#dddddd", lw=0.6, zorder=0)
        axes.set_xlabel("average precision of the teachers, over all but a caption's own clip")
        axes.set_ylabel(f"{MEASURE} gained over stage 1")
        axes.set_title(f"r = {line.correlation:.2f}", loc="left", fontsize=9)
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


if __name__ == "__main__":
    protocol, target, *seeds = sys.argv[1:]
    of_seeds = [points(protocol, *map(Path, seed.split("=", 1))) for seed in seeds]
    everything = [point for of_seed in of_seeds for point in of_seed]
    line = fitted(everything)
    draw(everything, line, Path(target))
    for point in everything:
        sys.stdout.write(f"{point.before} M={point.teachers} {point.precision:.3f} {point.gain:+.4f}\n")
    sys.stdout.write(f"gain = {line.slope:+.3f} AP {line.intercept:+.3f}, r = {line.correlation:.2f}\n")
