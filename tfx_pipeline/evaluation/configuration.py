"""What the evaluator measures, and the thresholds that a model must pass to be pushed, as TFMA has them."""

import json
from typing import Any, Final

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from modules.dataset import DATASET
from modules.features import LABEL_KEY
from tfx_pipeline.config.evaluation import METRICS, EvaluationConfig, Metric
from tfx_pipeline.evaluation import metrics
from tfx_pipeline.evaluation.extractors import PREDICTION

CANDIDATE: Final = "candidate"
BASELINE: Final = "baseline"

ROUNDING: Final = 1e-12
"""By how much a value may miss its limit: in float64, 0.8775 - 0.8875 is below -0.01."""

LIMIT_DECIMALS: Final = 11
"""Rounding to this many decimals removes ``ROUNDING`` from a limit."""


def eval_config(thresholds: EvaluationConfig, *, has_baseline: bool) -> config_pb2.EvalConfig:
    """Configures TFMA.

    The metrics of ``METRICS`` and the numbers of examples, and of those with outputs that are not finite, which a model
    must not have, are computed on the whole and for the examples of each class; the precision, recall and area under
    the ROC curve one-vs-rest, for each class on the whole. Precision and recall take the most probable class as the
    prediction, as accuracy does.

    Args:
        thresholds: What the model must reach.
        has_baseline: Whether there is a baseline to compare with.

    Returns:
        A configuration for a model named "" and, with a baseline, one named "baseline".
    """
    models = [_model_spec(CANDIDATE), _model_spec(BASELINE)] if has_baseline else [_model_spec("")]
    overall = [_with_thresholds(metric, thresholds, has_baseline=has_baseline) for metric in METRICS]
    overall += [_metric(metrics.Overall, name=metrics.EXAMPLE_COUNT), _finite(), _metric(metrics.ConfusionMatrix)]
    return config_pb2.EvalConfig(
        model_specs=models,
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=[LABEL_KEY])],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=overall),
            config_pb2.MetricsSpec(metrics=[_metric(metrics.OneVsRest)]),
        ],
    )


def _model_spec(name: str) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=name == BASELINE,
        model_type=tfma.TF_GENERIC,
        signature_name="serving_default",
        label_key=LABEL_KEY,
        prediction_key=PREDICTION,
    )


def _with_thresholds(metric: Metric, config: EvaluationConfig, *, has_baseline: bool) -> config_pb2.MetricConfig:
    found = _metric(metrics.Overall, name=metric.name)
    for field, threshold in config.thresholds().items():
        if threshold.metric.name == metric.name and (has_baseline or not threshold.change):
            limit = getattr(config, field)
            found.per_slice_thresholds.add(
                slicing_specs=_slices(by_class=threshold.by_class),
                threshold=_change(metric, limit) if threshold.change else _bound(metric, limit),
            )
    return found


def _finite() -> config_pb2.MetricConfig:
    found = _metric(metrics.Overall, name=metrics.NOT_FINITE_COUNT)
    none = config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(upper_bound={"value": 0}))
    found.per_slice_thresholds.add(slicing_specs=_slices(by_class=False), threshold=none)
    return found


def _metric(kind: type[metric_types.Metric], **arguments: Any) -> config_pb2.MetricConfig:
    arguments["num_classes"] = DATASET.num_classes
    return config_pb2.MetricConfig(class_name=kind.__name__, module=kind.__module__, config=json.dumps(arguments))


def _slices(*, by_class: bool) -> list[config_pb2.SlicingSpec]:
    labels = [{LABEL_KEY: str(label)} for label in range(DATASET.num_classes)]
    return [config_pb2.SlicingSpec(feature_values=values) for values in (labels if by_class else [{}])]


def _bound(metric: Metric, limit: float) -> config_pb2.MetricThreshold:
    side, bound = ("lower_bound", limit - ROUNDING) if metric.higher_is_better else ("upper_bound", limit + ROUNDING)
    return config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(**{side: {"value": bound}}))


def _change(metric: Metric, allowed: float) -> config_pb2.MetricThreshold:
    better = config_pb2.MetricDirection.HIGHER_IS_BETTER, config_pb2.MetricDirection.LOWER_IS_BETTER
    sign, direction = (-1, better[0]) if metric.higher_is_better else (1, better[1])
    limit = {"value": sign * (allowed + ROUNDING)}
    return config_pb2.MetricThreshold(
        change_threshold=config_pb2.GenericChangeThreshold(absolute=limit, direction=direction)
    )
