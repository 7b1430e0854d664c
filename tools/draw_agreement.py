"""Draw the README's figure of how well estimated correspondences agree with the truth.

    for card in tiny-passt-m1 tiny-atst-m1 tiny-mn-m1 tiny-atst-m3
    do lbar correspondences agreement $card --json >> agreement.jsonl; done
    python tools/draw_agreement.py agreement.jsonl docs/agreement.svg

The file holds JSON documents, one after the other.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NAMES = {"tiny-passt": "PaSST", "tiny-atst": "ATST-Frame", "tiny-mn": "MobileNet"}
INK, TAKEN = "#222222", "#0072B2"


def read(path: Path) -> list[dict[str, Any]]:
    """The documents in a file, one after the other."""
    text, decoder, found = path.read_text(), json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def plot(axes: Axes, rows: list[tuple[str, dict[str, float]]], title: str) -> None:
    """Draw a dot with its interval for each row."""
    for place, (label, value) in enumerate(reversed(rows)):
        colour = TAKEN if label.startswith("M =") else INK
        spread = [[value["mean"] - value["low"]], [value["high"] - value["mean"]]]
        axes.errorbar(value["mean"], place, xerr=spread, fmt="o", color=colour, markersize=5, capsize=2, lw=1)
        axes.annotate(f"{value['mean']:.3f}", (value["high"], place), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
    axes.set_xlim(0, 0.65)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_title(title, loc="left", fontsize=9)
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Draw the agreement over all clips, and over those that a caption was not written for."""
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    with mpl.rc_context({"svg.hashsalt": "lbar", "font.size": 9}):
        left, right = figure.subplots(1, 2, sharey=False)
        labels = [
            f"M = {len(one['teachers'])}" + (f", {NAMES[one['teachers'][0]]}" if len(one["teachers"]) == 1 else "")
            for one in found
        ]
        estimated = [(label, one["estimated"]) for label, one in zip(labels, found, strict=True)]
        others = [(label, one["others_estimated"]) for label, one in zip(labels, found, strict=True)]
        plot(left, [*estimated, ("own clip only", found[0]["assumed"])], "over all clips")
        plot(right, [*others, ("random order", found[0]["others_assumed"])], "over all but its own clip")
        figure.supxlabel("mean average precision of the clips ranked for a training caption", fontsize=9)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


if __name__ == "__main__":
    source, target = sys.argv[1:]
    draw(read(Path(source)), Path(target))
