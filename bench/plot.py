"""Draws where the time goes, by step, beside the tutorial's; ``python -m bench.plot`` draws the last results anew."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.process import ROOT
from bench.runs import OTHER, cause
from bench.summary import RESULTS

PLOT = ROOT / "docs" / "images" / "end_to_end.svg"
SECONDS_A_LETTER = 0.17
"""Width of a letter on the axis of time: a part that is too narrow for its name has none."""

# Okabe and Ito's palette (jfly.uni-koeln.de/color), which colour-blind readers can tell apart, lightened.
COLOURS = {
    "imports": "#8cc5e3",
    "Beam steps": "#8fd3bd",
    "training": "#f0c987",
    OTHER: "#e6a8c8",
    "start and end": "#d8d8d8",
}


def draw(medians: dict[str, Any]) -> Path:
    """Draws the medians of the tutorial, the pipeline and the cached pipeline as bars of their steps.

    Args:
        medians: By kind of run; each has ``seconds`` and seconds by ``steps``.

    Returns:
        The SVG file.
    """
    kinds = ("tutorial", "pipeline", "cached")
    names = ("the tutorial's two scripts", "this pipeline", "this pipeline again")
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9}):
        figure = Figure(figsize=(9, 2.6), layout="constrained")
        axes = figure.subplots()
        for row, kind in enumerate(kinds):
            _bar(axes, row, medians[kind])
        axes.set_yticks(range(len(kinds)), names)
        axes.invert_yaxis()
        axes.set_xlabel("seconds of wall time, median")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend([Patch(color=colour) for colour in COLOURS.values()], COLOURS, loc="lower right", frameon=False)
        PLOT.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(PLOT, metadata={"Date": None})
    return PLOT


def _bar(axes: Any, row: int, figures: dict[str, Any]) -> None:
    left = 0.0
    for name, seconds in figures["steps"].items():
        axes.barh(row, seconds, left=left, color=COLOURS[cause(name)], edgecolor="white", height=0.7)
        label = name.replace("-", "-\n")
        if seconds >= SECONDS_A_LETTER * max(map(len, label.split("\n"))):
            axes.text(left + seconds / 2, row, label, ha="center", va="center", fontsize=6.5)
        left += seconds
    axes.text(figures["seconds"] + 0.2, row, f"{figures['seconds']:.1f} s", va="center", fontweight="bold")


if __name__ == "__main__":
    draw(json.loads((RESULTS / "end_to_end.json").read_text())["medians"])
