"""Reads what the evaluator wrote: the metrics, and in words why a model was refused."""

import dataclasses
from collections.abc import Iterator

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from modules.dataset import DATASET
from modules.features import LABEL_KEY
from tfx_pipeline.evaluation.configuration import BASELINE
from tfx_pipeline.evaluation.metrics import ACCURACY, EXAMPLE_COUNT, LOSS


@dataclasses.dataclass(frozen=True)
class Metrics:
    """The judged model's metrics on the whole, and its accuracy for each class that has examples.

    Attributes:
        accuracy: Fraction of the examples whose most probable class is the label.
        loss: Mean cross-entropy, in nats.
        num_examples: Examples evaluated.
        per_class_accuracy: By class name, in the order of the labels.
    """

    accuracy: float
    loss: float
    num_examples: int
    per_class_accuracy: dict[str, float]


def read_metrics(evaluation_uri: str) -> Metrics:
    """Reads the metrics of the judged model.

    Args:
        evaluation_uri: Directory of the ``ModelEvaluation`` artifact.

    Returns:
        The metrics.
    """
    slices = {_label(metrics.slice_key): dict(_scalars(metrics)) for metrics in tfma.load_metrics(evaluation_uri)}
    whole = slices.pop(None)
    per_class = {name: slices[label][ACCURACY] for label, name in enumerate(DATASET.class_names) if label in slices}
    return Metrics(whole[ACCURACY], whole[LOSS], int(whole[EXAMPLE_COUNT]), per_class)


def read_refusals(evaluation_uri: str) -> list[str]:
    """Says in words why the model was refused.

    Args:
        evaluation_uri: Directory of the ``ModelEvaluation`` artifact.

    Returns:
        A line for each threshold that was missed, the whole first, then the classes; none where it was blessed.
    """
    validation = tfma.load_validation_result(evaluation_uri)
    failures = [
        (_label(result.slice_key), failure)
        for result in validation.metric_validations_per_slice
        for failure in result.failures
    ]
    failures.sort(key=lambda item: -1 if item[0] is None else item[0])
    missing = [
        f"{DATASET.class_names[int(label)]}: no examples to evaluate"
        for spec in validation.missing_slices
        for key, label in spec.feature_values.items()
        if key == LABEL_KEY
    ]
    return [_in_words(label, failure) for label, failure in failures] + missing


def _label(slice_key: metrics_for_slice_pb2.SliceKey) -> int | None:
    """The label that a slice is about; None for the whole."""
    return slice_key.single_slice_keys[0].int64_value if slice_key.single_slice_keys else None


def _scalars(metrics: metrics_for_slice_pb2.MetricsForSlice) -> Iterator[tuple[str, float]]:
    for item in metrics.metric_keys_and_values:
        key = item.key
        if not key.is_diff and key.model_name != BASELINE and not key.HasField("sub_key"):
            yield key.name, item.value.double_value.value


def _in_words(label: int | None, failure: validation_result_pb2.ValidationFailure) -> str:
    subject = "accuracy" if label is None else f"accuracy on {DATASET.class_names[label]}"
    value = failure.metric_value.double_value.value
    threshold = failure.metric_threshold
    if failure.metric_key.is_diff:
        allowed = -threshold.change_threshold.absolute.value
        return f"{subject} is {-value:.4f} below the baseline's, at most {allowed:.4f} is allowed"
    return f"{subject} is {value:.4f}, at least {threshold.value_threshold.lower_bound.value:.4f} is required"
