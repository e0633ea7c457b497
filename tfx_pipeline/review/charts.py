"""Draws the charts of a review with Matplotlib; each has a text alternative that says what it shows."""

import dataclasses
import functools
import io
import math
import re
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from modules.dataset import DATASET
from tfx_pipeline.evaluation.scores import ClassScores, ModelScores
from tfx_pipeline.review import fonts
from tfx_pipeline.review.content import Calibration, Curve, Mistake, SplitStatistics, TrainingCurve
from tfx_pipeline.review.markdown import number, percent

# Okabe and Ito's palette (jfly.uni-koeln.de/color), which colour-blind readers can tell apart.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
GREY: Final = "#8c8c8c"
PALE: Final = "#d9d9d9"
INK: Final = "#202020"

CURVE_STYLES: Final = {"train": (BLUE, "o"), "validation": (ORANGE, "s"), "held_back": (GREEN, "^")}
"""Colour and marker of a training curve by its split."""

DARK_SHARE: Final = 0.55
"""Share of a class from which a cell of the confusion matrix is too dark for black text."""

STYLE: Final[dict[Any, Any]] = {
    "axes.edgecolor": "#595959",
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: smaller, and readable for a search and for a screen reader
    "svg.hashsalt": "review",  # the same chart is the same file
    "text.parse_math": False,  # a dollar is a dollar
}


@dataclasses.dataclass(frozen=True)
class Chart:
    """A figure, and what it shows in words."""

    figure: Figure
    alternative: str

    def svg(self) -> str:
        """The figure as an SVG element to stand in an HTML page."""
        buffer = io.StringIO()
        self._save(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        element = re.sub(r'<g id="[^"]*">', "<g>", buffer.getvalue())  # ids must be unique in the page
        element = re.sub(r"\s*<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
        return element[element.index("<svg") :].replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)

    def png(self, dpi: int = 140) -> bytes:
        """The figure as a PNG file."""
        buffer = io.BytesIO()
        self._save(buffer, format="png", dpi=dpi)
        return buffer.getvalue()

    def _save(self, buffer: IO[Any], **options: Any) -> None:
        with mpl.rc_context(_style()):
            self.figure.savefig(buffer, **options)
        self.figure.set_layout_engine("none")  # it stays as it was laid out, which takes half the time


@functools.cache
def _style() -> dict[Any, Any]:
    return STYLE | {"font.family": fonts.families(DATASET.class_names)}


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height))


def _growth(classes: Sequence[Any]) -> float:
    """By how much a chart with a row for each class outgrows its size for ten."""
    return max(1.0, len(classes) / 10)


@functools.lru_cache(maxsize=1)  # the report and TensorBoard show the same figure, if they have the same names
def confusion(scores: ModelScores, shown: tuple[str, ...] | None = None) -> Chart:
    """Draws the confusion matrix: numbers of examples, coloured by their share of the actual class.

    Args:
        scores: What to draw.
        shown: What the figure calls the classes; None for their names, which the alternative text always has.
    """
    names = [c.name for c in scores.classes]
    matrix = scores.confusion
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with mpl.rc_context(_style()):
        figure = _figure(6.4 * _growth(names), 5.6 * _growth(names))
        axes = figure.subplots()
        mesh = axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
        for (row, column), count in np.ndenumerate(matrix):
            colour = "white" if share[row, column] > DARK_SHARE else INK if count else GREY
            axes.text(column + 0.5, row + 0.5, f"{count}", ha="center", va="center", color=colour)
        ticks = np.arange(len(names)) + 0.5
        axes.set_xticks(ticks, shown or names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(ticks, shown or names)
        axes.set(xlabel="predicted class", ylabel="actual class")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.colorbar(mesh, ax=axes, label="share of the actual class", fraction=0.04)
    return Chart(figure, f"Confusion matrix. {_confusions(names, matrix)}")


def _confusions(names: Sequence[str], matrix: NDArray[np.int64]) -> str:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return "No example is taken for another class."
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = [(int(i), int(j)) for i, j in (np.unravel_index(flat, wrong.shape) for flat in order) if wrong[i, j]]
    most = "; ".join(f"{wrong[i, j]} of {names[i]} taken for {names[j]}" for i, j in pairs)
    return f"Most frequent: {most}."


def class_curves(curves: Sequence[Curve], classes: Sequence[ClassScores]) -> Iterator[Chart]:
    """Draws the precision-recall and the ROC curve of each class against all others.

    Args:
        curves: One a class.
        classes: The scores of the same classes.

    Yields:
        A chart a class, all of them on one figure, since axes take longer to make than to draw: each chart must be
        written before the next is asked for.
    """
    with mpl.rc_context(_style()):
        figure = _figure(5.2, 2.5)
        left, right = figure.subplots(1, 2)
        _unit_axes(left, "recall", "precision")
        _unit_axes(right, "false-positive rate", "true-positive rate")
        right.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=0.8)
        chance = left.axhline(color=GREY, linestyle="--", linewidth=0.8)
        (precision_recall,), (roc,) = left.plot([], [], color=BLUE), right.plot([], [], color=BLUE)
        undefined = [axes.text(0.5, 0.5, "not defined", ha="center", color=GREY) for axes in (left, right)]
    for curve, scores in zip(curves, classes, strict=True):
        for artist in (chance, precision_recall, roc):
            artist.set_visible(curve.defined)
        for words in undefined:
            words.set_visible(not curve.defined)
        alternative = "not defined: one side has no example"
        if curve.defined:
            predicted = curve.true_positives + curve.false_positives > 0
            chance.set_ydata([curve.positives / (curve.positives + curve.negatives)] * 2)
            precision_recall.set_data(curve.recall[predicted], curve.precision[predicted])
            roc.set_data([*curve.false_positive_rate, 0], [*curve.recall, 0])
            alternative = f"area under the ROC curve {number(scores.auc)}"
        yield Chart(figure, f"{curve.name} against all other classes, precision over recall, and ROC: {alternative}.")


def _unit_axes(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))


@functools.lru_cache(maxsize=1)
def calibration(found: Calibration) -> Chart:
    """Draws the reliability diagram, and how many examples each bin holds."""
    centres, width = (found.edges[:-1] + found.edges[1:]) / 2, found.edges[1] - found.edges[0]
    with mpl.rc_context(_style()):
        figure = _figure(5.2, 4.4)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        top.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
        top.plot(found.confidence, found.accuracy, color=BLUE, marker="o", markersize=4, label="this model")
        top.set(ylabel="accuracy", ylim=(-0.02, 1.04))
        top.legend(loc="upper left")
        bottom.bar(centres, found.counts, width=width * 0.9, color=BLUE)
        bottom.set(xlabel="probability of the predicted class", ylabel="examples", xlim=(0, 1))
        bottom.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    filled = np.flatnonzero(found.counts)
    points = "; ".join(f"at {percent(found.confidence[i])} right in {percent(found.accuracy[i])}" for i in filled)
    return Chart(
        figure, f"Reliability diagram. Expected calibration error {number(found.error)}. By probability: {points}."
    )


def training(curves: Sequence[TrainingCurve]) -> Chart | None:
    """Draws the training curves, a panel for each metric; None if nothing was recorded."""
    metrics = [m for m in ("loss", "accuracy") if any(c.metric == m for c in curves)]
    if not metrics:
        return None
    with mpl.rc_context(_style()):
        figure = _figure(3.9 * len(metrics), 2.8)
        for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
            for curve in (c for c in curves if c.metric == metric):
                colour, marker = CURVE_STYLES[curve.split]
                axes.plot(curve.epochs, curve.values, color=colour, marker=marker, markersize=3.5, label=curve.split)
            axes.set(xlabel="epoch", title=metric)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
            axes.legend()
    last = "; ".join(
        f"{c.split} {c.metric} from {number(c.values[0])} to {number(c.values[-1])}"
        for c in curves
        if c.metric in metrics
    )
    return Chart(figure, f"Training curves over {max(max(c.epochs) for c in curves)} epochs: {last}.")


def class_recall(model: ModelScores, baseline: ModelScores | None) -> Chart:
    """Draws the recall of each class, and the baseline's where there is one."""
    rows = np.arange(len(model.classes))
    recall = np.array([c.recall for c in model.classes])
    with mpl.rc_context(_style()):
        figure = _figure(6.2, 3.4 * _growth(model.classes))
        axes = figure.subplots()
        if baseline:
            before = np.array([c.recall for c in baseline.classes])
            axes.hlines(rows, before, recall, color=PALE, linewidth=3)
            axes.plot(before, rows, "s", color=ORANGE, label="baseline")
        axes.plot(recall, rows, "o", color=BLUE, label="this model")
        axes.axvline(model.overall.accuracy, color=GREY, linewidth=1, linestyle=":", label="accuracy over all")
        axes.set_yticks(rows, [c.name for c in model.classes])
        axes.set(xlabel="recall")
        axes.invert_yaxis()
        axes.grid(axis="x", color="#ececec")
        axes.set_axisbelow(True)
        figure.legend(loc="outside upper center", ncols=3)
    words = "; ".join(f"{c.name} {number(c.recall)}" for c in model.classes)
    return Chart(figure, f"Recall by class{' beside the baseline' if baseline else ''}: {words}.")


def class_shares(statistics: Sequence[SplitStatistics], names: Sequence[str]) -> Chart | None:
    """Draws each class's share of the examples by split; None without statistics."""
    if not statistics:
        return None
    rows = np.arange(len(names))
    height = 0.8 / len(statistics)
    with mpl.rc_context(_style()):
        figure = _figure(6.2, 3.6 * _growth(names))
        axes = figure.subplots()
        for index, (split, colour) in enumerate(zip(statistics, (BLUE, ORANGE, GREY), strict=False)):
            share = np.array(split.class_counts) / max(sum(split.class_counts), 1)
            axes.barh(rows + (index + 0.5) * height - 0.4, 100 * share, height * 0.9, color=colour, label=split.name)
        axes.set_yticks(rows, names)
        axes.set(xlabel="share of the split's examples, %")
        axes.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=3)
    words = "; ".join(f"{s.name} {min(s.class_counts):,} to {max(s.class_counts):,} a class" for s in statistics)
    return Chart(figure, f"Classes by split: {words}.")


def mistakes(worst: Sequence[Mistake], columns: int = 4) -> Chart:
    """Draws the worst mistakes as one picture, each with its true and predicted class."""
    rows = max(math.ceil(len(worst) / columns), 1)
    shown = dict(zip(DATASET.class_names, fonts.pictured(DATASET.class_names), strict=True))
    with mpl.rc_context(_style()):
        figure = _figure(1.6 * columns, 2.1 * rows)
        figure.set_layout_engine("none")
        # All cells share one pair of axes: making axes takes longer than drawing images.
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        for index, mistake in enumerate(worst):
            row, column = divmod(index, columns)
            height, width = np.array(mistake.image.shape[:2]) / max(mistake.image.shape[:2])
            left, right = column + 0.5 - 0.47 * width, column + 0.5 + 0.47 * width
            extent = (left, right, row + 0.98, row + 0.98 - 0.72 * height)
            axes.imshow(mistake.image, cmap="gray", vmin=0, vmax=255, extent=extent)
            axes.text(
                column + 0.5,
                row + 0.23,
                f"is {shown[mistake.label]}\nnot {shown[mistake.predicted]}\n({percent(mistake.probability)} sure)",
                fontsize=8.5,
                ha="center",
                va="bottom",
            )
        axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="auto")
        if not worst:
            figure.suptitle("no mistakes")
    return Chart(figure, f"The {len(worst)} worst mistakes." if worst else "There are no mistakes.")
