"""Precision and recall by class for TFMA, with the most probable class as the prediction.

TFMA's own ``Precision`` and ``Recall`` take either a class and a probability threshold, or the top k of all classes
together, but not the one thing that a confusion matrix of a classifier shows.
"""

import math
from typing import Final

from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as matrices
from tensorflow_model_analysis.proto import config_pb2

CLASS_PRECISION: Final = "class_precision"
CLASS_RECALL: Final = "class_recall"

Matrix = dict[tuple[int, int], float]
"""Number of examples by (actual class, predicted class)."""


def precision(matrix: Matrix, class_id: int) -> float:
    """The fraction of the examples predicted as a class that are of it; NaN where none was predicted."""
    predicted = sum(count for (_, prediction), count in matrix.items() if prediction == class_id)
    return matrix.get((class_id, class_id), 0.0) / predicted if predicted else math.nan


def recall(matrix: Matrix, class_id: int) -> float:
    """The fraction of the examples of a class that are predicted as it; NaN where there is no example of it."""
    actual = sum(count for (label, _), count in matrix.items() if label == class_id)
    return matrix.get((class_id, class_id), 0.0) / actual if actual else math.nan


class ClassPrecisionRecall(metric_types.Metric):  # type: ignore[misc]
    """Computes ``class_precision`` and ``class_recall`` for each class, as metric keys with the class's id."""

    def __init__(self, num_classes: int, name: str = "class_precision_recall") -> None:
        """Makes the metric.

        Args:
            num_classes: Number of classes, labelled from 0.
            name: Names the metric in the configuration.
        """
        super().__init__(metric_util.merge_per_key_computations(_computations), num_classes=num_classes, name=name)


def _computations(
    num_classes: int,
    name: str,  # noqa: ARG001 - TFMA passes every argument of the metric
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,  # noqa: FBT001, FBT002 - TFMA's signature
) -> metric_types.MetricComputations:
    confusion = matrices.multi_class_confusion_matrices(
        thresholds=[0.0],
        eval_config=eval_config,
        model_name=model_name,
        output_name=output_name,
        example_weighted=example_weighted,
    )
    keys = {
        (metric, class_id): metric_types.MetricKey(
            name=metric,
            model_name=model_name,
            output_name=output_name,
            sub_key=metric_types.SubKey(class_id=class_id),
            example_weighted=example_weighted,
        )
        for metric in (CLASS_PRECISION, CLASS_RECALL)
        for class_id in range(num_classes)
    }
    functions = {CLASS_PRECISION: precision, CLASS_RECALL: recall}

    def result(metrics: dict[metric_types.MetricKey, matrices.Matrices]) -> dict[metric_types.MetricKey, float]:
        matrix = metrics[confusion[-1].keys[-1]][0.0]
        return {key: functions[metric](matrix, class_id) for (metric, class_id), key in keys.items()}

    return [*confusion, metric_types.DerivedMetricComputation(keys=list(keys.values()), result=result)]
