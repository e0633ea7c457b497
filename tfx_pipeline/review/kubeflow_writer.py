"""Shows a review in the Kubeflow page, whose frontend reads artifacts of the types ``system.*``."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from tfx.types.artifact import Artifact

from tfx_pipeline.evaluation.scores import ModelScores
from tfx_pipeline.review import markdown, tensorboard_writer
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
    )
    Path(path).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def write_metrics(review: Review, artifact: Artifact) -> None:
    """Sets the scalars that "Compare runs" shows."""
    for tag, value in tensorboard_writer.scalars(review).items():
        group, name = tag.split("/")
        measure = group.removeprefix(tensorboard_writer.BY_CLASS).removeprefix(tensorboard_writer.OVERALL)
        artifact.set_float_custom_property(f"{measure} {name}".strip("_ ").replace(" ", "_"), float(value))


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
