"""Reads TFMA's output: the metrics of the model and the baseline, the confusion matrices, every threshold's outcome."""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import tensorflow_model_analysis as tfma
from numpy.typing import NDArray
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2
from tensorflow_model_analysis.writers import eval_config_writer

from modules.dataset import DATASET
from modules.features import LABEL_KEY
from tfx_pipeline.evaluation.configuration import BASELINE
from tfx_pipeline.evaluation.metrics import (
    ACCURACY,
    AUC,
    CLASS_PRECISION,
    CLASS_RECALL,
    EXAMPLE_COUNT,
    LOSS,
)
from tfx_pipeline.evaluation.scores import ClassScores, ModelScores, Scores, ThresholdResult

ALL: Final = "all examples"


class Key(NamedTuple):
    """What a metric is about: the model or the baseline, a slice by label, and for one-vs-rest metrics the class."""

    name: str
    baseline: bool = False
    label: int | None = None
    class_id: int | None = None
    is_diff: bool = False


Metrics = dict[Key, float]


def read_metrics(evaluation_uri: str) -> Metrics:
    """Reads every scalar metric.

    Args:
        evaluation_uri: Directory of the ``ModelEvaluation`` artifact.

    Returns:
        The metrics of the judged model, of the baseline where there is one, and their differences.
    """
    return {key: value for metrics in tfma.load_metrics(evaluation_uri) for key, value in _scalars(metrics)}


def _scalars(metrics: metrics_for_slice_pb2.MetricsForSlice) -> Iterator[tuple[Key, float]]:
    label = _label(metrics.slice_key)
    for item in metrics.metric_keys_and_values:
        key = item.key
        class_id = key.sub_key.class_id.value if key.HasField("sub_key") else None
        if item.value.WhichOneof("type") == "double_value":
            yield (
                Key(key.name, key.model_name == BASELINE, label, class_id, key.is_diff),
                item.value.double_value.value,
            )


def _label(slice_key: metrics_for_slice_pb2.SliceKey) -> int | None:
    return slice_key.single_slice_keys[0].int64_value if slice_key.single_slice_keys else None


def read_confusion(evaluation_uri: str, *, baseline: bool) -> NDArray[np.int64]:
    """Reads a confusion matrix over all examples.

    Args:
        evaluation_uri: Directory of the ``ModelEvaluation`` artifact.
        baseline: Takes the baseline's instead of the judged model's.

    Returns:
        Number of examples, int64 [actual class, predicted class].
    """
    matrix = np.zeros((DATASET.num_classes, DATASET.num_classes), np.int64)
    for plots in tfma.load_plots(evaluation_uri):
        if _label(plots.slice_key) is not None:
            continue
        for item in plots.plot_keys_and_values:
            if (item.key.model_name == BASELINE) == baseline:
                for entry in item.value.multi_class_confusion_matrix_at_thresholds.matrices[0].entries:
                    matrix[entry.actual_class_id, entry.predicted_class_id] += round(entry.num_weighted_examples)
    return matrix


def model_scores(metrics: Metrics, confusion: NDArray[np.int64], *, baseline: bool) -> ModelScores:
    """Takes one model's figures out of all metrics.

    Args:
        metrics: What ``read_metrics`` returned.
        confusion: Its confusion matrix.
        baseline: Takes the baseline's instead of the judged model's.

    Returns:
        The figures; NaN where TFMA has none, as for a class without examples.
    """

    def value(name: str, label: int | None = None, class_id: int | None = None) -> float:
        return metrics.get(Key(name, baseline, label, class_id), math.nan)

    classes = tuple(
        ClassScores(
            name=name,
            examples=int(metrics.get(Key(EXAMPLE_COUNT, baseline, label), 0)),
            precision=value(CLASS_PRECISION, class_id=label),
            recall=value(CLASS_RECALL, class_id=label),
            auc=value(AUC, class_id=label) if Key(EXAMPLE_COUNT, baseline, label) in metrics else math.nan,
            loss=value(LOSS, label),
        )
        for label, name in enumerate(DATASET.class_names)
    )
    return ModelScores(Scores(value(ACCURACY), value(LOSS), int(value(EXAMPLE_COUNT))), classes, confusion)


def read_model_scores(evaluation_uri: str) -> tuple[ModelScores, ModelScores | None]:
    """Reads the figures of the judged model, and of the baseline where there is one."""
    metrics = read_metrics(evaluation_uri)
    model, baseline = (
        model_scores(metrics, read_confusion(evaluation_uri, baseline=baseline), baseline=baseline)
        if Key(ACCURACY, baseline) in metrics
        else None
        for baseline in (False, True)
    )
    if model is None:
        raise ValueError(f"{evaluation_uri}: holds no metric {ACCURACY} over all examples")
    return model, baseline


def read_thresholds(evaluation_uri: str) -> tuple[ThresholdResult, ...]:
    """Reads every threshold that was configured and what came of it, all examples first.

    Args:
        evaluation_uri: Directory of the ``ModelEvaluation`` artifact.

    Returns:
        The thresholds; one that could not be measured is missed, as it is for TFMA.

    Raises:
        ValueError: The directory holds no configuration.
    """
    config = eval_config_writer.load_eval_run(evaluation_uri)[0]
    if config is None:
        raise ValueError(f"{evaluation_uri}: holds no eval_config.json")
    metrics = read_metrics(evaluation_uri)
    failed = set(_failures(evaluation_uri))
    return tuple(
        ThresholdResult(
            subject=ALL if key.label is None else DATASET.class_names[key.label],
            measure=measure,
            value=metrics.get(key, math.nan),
            limit=limit,
            passed=key in metrics and key not in failed,
        )
        for key, measure, limit in _configured(config)
    )


def _failures(evaluation_uri: str) -> Iterator[Key]:
    for result in tfma.load_validation_result(evaluation_uri).metric_validations_per_slice:
        for failure in result.failures:
            yield Key(failure.metric_key.name, label=_label(result.slice_key), is_diff=failure.metric_key.is_diff)


def _configured(config: config_pb2.EvalConfig) -> Iterator[tuple[Key, str, float]]:
    for spec in config.metrics_specs:
        for metric in spec.metrics:
            for threshold in metric.per_slice_thresholds:
                for slicing in threshold.slicing_specs:
                    label = int(slicing.feature_values[LABEL_KEY]) if slicing.feature_values else None
                    yield from _limits(label, threshold.threshold)


def _limits(label: int | None, threshold: config_pb2.MetricThreshold) -> Iterator[tuple[Key, str, float]]:
    if threshold.HasField("value_threshold"):
        yield Key(ACCURACY, label=label), "accuracy", threshold.value_threshold.lower_bound.value
    if threshold.HasField("change_threshold"):
        limit = threshold.change_threshold.absolute.value
        yield Key(ACCURACY, label=label, is_diff=True), "change from the baseline", limit
