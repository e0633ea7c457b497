"""What the evaluator measures, and the thresholds that a model must pass to be pushed."""

import dataclasses
import json
from typing import Final

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from modules.dataset import DATASET
from modules.features import LABEL_KEY
from tfx_pipeline.evaluation import metrics

CANDIDATE: Final = "candidate"
BASELINE: Final = "baseline"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a model must reach, as fractions from 0 to 1.

    Attributes:
        min_accuracy: Accuracy over all examples.
        min_class_accuracy: Accuracy over the examples of each class.
        max_accuracy_drop: How far the accuracy may lie below the baseline's.
        max_class_accuracy_drop: The same for the accuracy of each class.
    """

    min_accuracy: float
    min_class_accuracy: float
    max_accuracy_drop: float
    max_class_accuracy_drop: float


def eval_config(thresholds: Thresholds, *, has_baseline: bool) -> config_pb2.EvalConfig:
    """Configures TFMA.

    The accuracy, the loss and the example count are computed on the whole and for the examples of each class; the
    precision, recall and area under the ROC curve one-vs-rest, for each class on the whole. Precision and recall
    take the most probable class as the prediction, as accuracy does.

    Args:
        thresholds: What the model must reach.
        has_baseline: Whether there is a baseline to compare with.

    Returns:
        A configuration for a model named "" and, with a baseline, one named "baseline".
    """
    models = [_model_spec(CANDIDATE), _model_spec(BASELINE)] if has_baseline else [_model_spec("")]
    return config_pb2.EvalConfig(
        model_specs=models,
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=[LABEL_KEY])],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=_overall_metrics(thresholds, has_baseline=has_baseline)),
            config_pb2.MetricsSpec(metrics=[_metric(metrics.ClassPrecisionRecall), _metric(metrics.ClassAuc)]),
        ],
    )


def _model_spec(name: str) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=name == BASELINE,
        model_type=tfma.TF_GENERIC,
        signature_name="serving_default",
        label_key=LABEL_KEY,
        prediction_key="probabilities",
    )


def _overall_metrics(thresholds: Thresholds, *, has_baseline: bool) -> list[config_pb2.MetricConfig]:
    whole = _threshold(thresholds.min_accuracy, thresholds.max_accuracy_drop, has_baseline=has_baseline)
    by_class = _threshold(thresholds.min_class_accuracy, thresholds.max_class_accuracy_drop, has_baseline=has_baseline)
    slices = [config_pb2.SlicingSpec(feature_values={LABEL_KEY: str(index)}) for index in range(DATASET.num_classes)]
    accuracy = _metric(metrics.Accuracy)
    accuracy.per_slice_thresholds.extend(
        [
            config_pb2.PerSliceMetricThreshold(slicing_specs=[config_pb2.SlicingSpec()], threshold=whole),
            config_pb2.PerSliceMetricThreshold(slicing_specs=slices, threshold=by_class),
        ]
    )
    return [accuracy, *map(_metric, (metrics.CrossEntropy, metrics.Examples, metrics.ConfusionMatrix))]


def _metric(kind: type[metric_types.Metric]) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=kind.__name__, module=kind.__module__, config=json.dumps({"num_classes": DATASET.num_classes})
    )


def _threshold(minimum: float, drop: float, *, has_baseline: bool) -> config_pb2.MetricThreshold:
    threshold = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": minimum})
    )
    if has_baseline:
        threshold.change_threshold.CopyFrom(
            config_pb2.GenericChangeThreshold(
                absolute={"value": -drop}, direction=config_pb2.MetricDirection.HIGHER_IS_BETTER
            )
        )
    return threshold
