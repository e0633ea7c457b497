"""Shows a review in the Kubeflow page, whose frontend reads artifacts of the types ``system.*``."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from tfx.types.artifact import Artifact

from tfx_pipeline.config.evaluation import ACCURACY
from tfx_pipeline.evaluation.scores import ModelScores
from tfx_pipeline.review import markdown
from tfx_pipeline.review.content import Curve, Review

ROC_POINTS: Final = 40
"""Points of the curve: the page draws all of them, and metadata should not hold thousands."""


def write_markdown(review: Review, path: str) -> None:
    """Writes the verdict, the thresholds and the classes as Markdown.

    Args:
        review: What to show.
        path: The file; the page reads the object at the artifact's URI itself.
    """
    parts = (
        "# Evaluation",
        markdown.verdict(review),
        "## Thresholds",
        markdown.thresholds(review),
        "## Classes",
        markdown.classes(review.model, review.baseline),
        "## Configuration",
        markdown.table(("what", "value"), markdown.configuration(review)),
        *(("## Tuning", markdown.trials(review)) if review.trials else ()),
    )
    Path(path).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def write_metrics(review: Review, artifact: Artifact) -> None:
    """Sets the scalars that "Compare runs" shows."""
    for name, value in scalars(review).items():
        artifact.set_float_custom_property(name, float(value))
    worst = review.model.worst_class
    if worst:
        artifact.set_string_custom_property("worst_class", worst.name)


def scalars(review: Review) -> dict[str, float]:
    """The figures that count, by name; figures of single classes are in the report and in the confusion matrix.

    The page sorts names, capitals first, and accuracy must come first. A macro-average is the mean over the classes
    for which the figure is defined.
    """
    model, baseline, worst = review.model, review.baseline, review.model.worst_class
    values = {
        **{_property(title): value for title, value in model.overall.metrics.items()},
        "accuracy_change": model.overall.accuracy - baseline.overall.accuracy if baseline else math.nan,
        "blessed": float(review.verdict.blessed),
        "calibration_error": review.predictions.calibration.error,
        "macro_auc": _mean(scores.auc for scores in model.classes),
        "macro_f1": _mean(scores.f1 for scores in model.classes),
        "worst_class_accuracy": worst.recall if worst else math.nan,
    }
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _property(title: str) -> str:
    """A metric's title as the name of a property that the page does not sort before accuracy."""
    name = re.sub(r"[^a-z0-9-]+", "_", title.lower()).strip("_")
    return name if name >= ACCURACY.title else f"metric_{name}"


def _mean(values: Iterable[float]) -> float:
    defined = [value for value in values if math.isfinite(value)]
    return float(np.mean(defined)) if defined else math.nan


def write_classification_metrics(review: Review, artifact: Artifact) -> None:
    """Sets the confusion matrix and the ROC curve in the shapes that the page's viewer reads.

    The viewer has room for one curve: it is the micro-average, every class against the others with all their counts
    added (Sokolova and Lapalme 2009, doi:10.1016/j.ipm.2009.03.002).
    """
    artifact.set_json_value_custom_property("confusionMatrix", confusion_matrix(review.model))
    artifact.set_json_value_custom_property("confidenceMetrics", confidence_metrics(review.predictions.curves))


def confusion_matrix(model: ModelScores) -> dict[str, Any]:
    """The matrix as ``system.ClassificationMetrics`` has it: a square of numbers, rows are actual classes."""
    return {
        "annotationSpecs": [{"displayName": scores.name} for scores in model.classes],
        "rows": [{"row": [float(count) for count in row]} for row in model.confusion],
    }


def confidence_metrics(curves: tuple[Curve, ...]) -> list[dict[str, float]]:
    """The micro-averaged one-vs-rest ROC curve, from the highest threshold to 0; every number is finite."""
    thresholds = curves[0].thresholds
    true_positives = np.sum([curve.true_positives for curve in curves], axis=0)
    false_positives = np.sum([curve.false_positives for curve in curves], axis=0)
    positives = max(sum(curve.positives for curve in curves), 1)
    negatives = max(sum(curve.negatives for curve in curves), 1)
    chosen = np.unique(np.linspace(0, len(thresholds) - 1, ROC_POINTS).round().astype(int))[::-1]
    return [
        {
            "confidenceThreshold": float(thresholds[index]),
            "recall": float(true_positives[index] / positives),
            "falsePositiveRate": float(false_positives[index] / negatives),
        }
        for index in chosen
    ]
