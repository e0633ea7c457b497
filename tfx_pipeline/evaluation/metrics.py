"""TFMA metrics of a classifier that count examples batch by batch.

TFMA computes its own metrics example by example and slice by slice, which takes most of an evaluation's time. These
have the names and the values of TFMA's where TFMA has them, take an example or a batch of them, and follow from one
``ClassCounts`` for each slice. What TFMA lacks: precision and recall of the most probable class (its ``Precision`` and
``Recall`` take either a class and a probability threshold, or the top k of all classes together), and the area under
the ROC curve of every class in one pass.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as matrices
from tensorflow_model_analysis.proto import config_pb2

from tfx_pipeline.config.evaluation import METRICS
from tfx_pipeline.evaluation.class_counts import ClassCounts, total

EXAMPLE_COUNT: Final = "example_count"
NOT_FINITE_COUNT: Final = "not_finite_count"
CONFUSION_MATRIX: Final = "multi_class_confusion_matrix_plot"
CLASS_PRECISION: Final = "class_precision"
CLASS_RECALL: Final = "class_recall"
AUC: Final = "auc"

_COUNTS: Final = "_class_counts"
"""TFMA does not write metrics whose names begin with an underscore."""

Values = dict[metric_types.MetricKey, Any]


def precision(confusion: NDArray[np.int64], class_id: int) -> float:
    """The fraction of the examples predicted as a class that are of it; NaN where none was predicted."""
    predicted = confusion[:, class_id].sum()
    return float(confusion[class_id, class_id] / predicted) if predicted else math.nan


def recall(confusion: NDArray[np.int64], class_id: int) -> float:
    """The fraction of a class's examples that are predicted as it; NaN for a class without examples."""
    actual = confusion[class_id].sum()
    return float(confusion[class_id, class_id] / actual) if actual else math.nan


def area_under_roc(negatives: NDArray[np.int64], positives: NDArray[np.int64]) -> float:
    """The area under the ROC curve, from histograms of the scores.

    It is the probability that a positive scores above a negative, ties counting half (Hanley and McNeil, 1982).

    Args:
        negatives: Number of negatives by score, [bins], the lowest score first.
        positives: The same for the positives.

    Returns:
        From 0 to 1; NaN where there are no positives or no negatives.
    """
    pairs = float(negatives.sum()) * float(positives.sum())
    below = np.cumsum(negatives) - negatives / 2
    return float((positives * below).sum() / pairs) if pairs else math.nan


OVERALL: Final[dict[str, Callable[[ClassCounts], Any]]] = {
    **{metric.name: metric.value for metric in METRICS},
    EXAMPLE_COUNT: lambda counts: counts.confusion.sum(),
    NOT_FINITE_COUNT: lambda counts: counts.not_finite,
}
"""Functions of the counts, by metric name."""

ONE_VS_REST: Final[dict[str, Callable[[ClassCounts, int], float]]] = {
    CLASS_PRECISION: lambda counts, class_id: precision(counts.confusion, class_id),
    CLASS_RECALL: lambda counts, class_id: recall(counts.confusion, class_id),
    AUC: lambda counts, class_id: area_under_roc(*counts.scores[:, class_id]),
}
"""Functions of the counts and a class, by metric name."""


class Overall(metric_types.Metric):
    """One number for each slice: a metric of ``OVERALL``."""

    def __init__(self, num_classes: int, name: str) -> None:
        """Makes the metric.

        Args:
            num_classes: Number of classes, labelled from 0; the same in the metrics below.
            name: Names the metric in ``OVERALL``, in the configuration and in the results.
        """
        super().__init__(metric_util.merge_per_key_computations(_overall), num_classes=num_classes, name=name)


class ConfusionMatrix(metric_types.Metric):
    """``multi_class_confusion_matrix_plot``, as TFMA has it, of the most probable class."""

    def __init__(self, num_classes: int, name: str = CONFUSION_MATRIX) -> None:
        """Makes the metric."""
        super().__init__(metric_util.merge_per_key_computations(_plot), num_classes=num_classes, name=name)


class OneVsRest(metric_types.Metric):
    """Each class against all others: the metrics of ``ONE_VS_REST``, as metric keys with the class's id."""

    def __init__(self, num_classes: int, name: str = "one_vs_rest") -> None:
        """Makes the metric."""
        super().__init__(metric_util.merge_per_key_computations(_one_vs_rest), num_classes=num_classes, name=name)


def _overall(
    num_classes: int, name: str, eval_config: config_pb2.EvalConfig | None = None, model_name: str = ""
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(name=name, model_name=model_name)
    return _derived(num_classes, eval_config, model_name, [key], lambda counts: {key: float(OVERALL[name](counts))})


def _one_vs_rest(
    num_classes: int,
    name: str,  # noqa: ARG001 - TFMA passes every argument of the metric
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
) -> metric_types.MetricComputations:
    keys = {
        metric_types.MetricKey(name=metric, model_name=model_name, sub_key=metric_types.SubKey(class_id=class_id)): (
            metric,
            class_id,
        )
        for metric in ONE_VS_REST
        for class_id in range(num_classes)
    }

    def result(counts: ClassCounts) -> Values:
        return {key: ONE_VS_REST[metric](counts, class_id) for key, (metric, class_id) in keys.items()}

    return _derived(num_classes, eval_config, model_name, list(keys), result)


def _plot(
    num_classes: int, name: str, eval_config: config_pb2.EvalConfig | None = None, model_name: str = ""
) -> metric_types.MetricComputations:
    key = metric_types.PlotKey(name=name, model_name=model_name)

    def result(counts: ClassCounts) -> Values:
        entries = {
            matrices.MatrixEntryKey(actual, predicted): float(count)
            for (actual, predicted), count in np.ndenumerate(counts.confusion)
            if count
        }
        return {key: matrices.Matrices({0.0: entries}).to_proto().multi_class_confusion_matrix_at_thresholds}

    return _derived(num_classes, eval_config, model_name, [key], result)


def _derived(
    num_classes: int,
    eval_config: config_pb2.EvalConfig | None,
    model_name: str,
    keys: list[metric_types.MetricKey],
    result: Callable[[ClassCounts], Values],
) -> metric_types.MetricComputations:
    """The counts, which TFMA computes once for all metrics of a model, and what follows from them."""
    counts = metric_types.MetricKey(name=_COUNTS, model_name=model_name)
    return [
        metric_types.MetricComputation(
            keys=[counts], preprocessors=None, combiner=_CountClasses(counts, num_classes, eval_config)
        ),
        metric_types.DerivedMetricComputation(keys=keys, result=lambda metrics: result(metrics[counts])),
    ]


class _CountClasses(beam.CombineFn):
    """Counts examples, one or a batch at a time."""

    def __init__(
        self, key: metric_types.MetricKey, num_classes: int, eval_config: config_pb2.EvalConfig | None
    ) -> None:
        self._key = key
        self._num_classes = num_classes
        self._eval_config = eval_config

    def create_accumulator(self) -> ClassCounts:
        return ClassCounts.empty(self._num_classes)

    def add_input(self, accumulator: ClassCounts, element: metric_types.StandardMetricInputs) -> ClassCounts:
        extract = metric_util.to_label_prediction_example_weight
        for labels, probabilities, _ in extract(
            element, eval_config=self._eval_config, model_name=self._key.model_name, flatten=False
        ):
            accumulator.add(labels.reshape(-1).astype(np.intp), probabilities.reshape(-1, self._num_classes))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[ClassCounts]) -> ClassCounts:
        return total(accumulators, self._num_classes)

    def extract_output(self, accumulator: ClassCounts) -> Values:
        return {self._key: accumulator}
