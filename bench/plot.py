"""Draws where the time goes: the pipeline's steps beside the tutorial's."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.process import ROOT

PLOT = ROOT / "docs" / "images" / "end_to_end.svg"
WORTH_A_LABEL = 0.8
"""Seconds from which a bar's part has room for its name."""

# Okabe and Ito's palette (jfly.uni-koeln.de/color), which colour-blind readers can tell apart, lightened.
COLOURS = ("#8cc5e3", "#f0c987", "#8fd3bd", "#e6a8c8", "#d8d8d8")


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
        PLOT.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(PLOT, metadata={"Date": None})
    return PLOT


def _bar(axes: Any, row: int, figures: dict[str, Any]) -> None:
    left = 0.0
    for index, (name, seconds) in enumerate(figures["steps"].items()):
        axes.barh(row, seconds, left=left, color=COLOURS[index % len(COLOURS)], edgecolor="white", height=0.7)
        if seconds >= WORTH_A_LABEL:
            label = name.replace(" ", "\n").replace("-", "-\n")
            axes.text(left + seconds / 2, row, label, ha="center", va="center", fontsize=6.5)
        left += seconds
    axes.text(figures["seconds"] + 0.2, row, f"{figures['seconds']:.1f} s", va="center", fontweight="bold")
