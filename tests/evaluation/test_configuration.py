"""TFMA judges as the configuration says, to the last digit."""

import functools
from typing import Annotated

import numpy as np
import pytest
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from modules.dataset import DATASET
from tfx_pipeline.config.evaluation import ACCURACY, LOSS, EvaluationConfig, Metric, Threshold
from tfx_pipeline.evaluation import metrics
from tfx_pipeline.evaluation.class_counts import ClassCounts
from tfx_pipeline.evaluation.configuration import BASELINE, CANDIDATE, LIMIT_DECIMALS, ROUNDING, eval_config


class LossConfig(EvaluationConfig):
    """Limits the loss too."""

    max_loss: Annotated[float, Threshold(LOSS)] = 0.4
    max_loss_rise: Annotated[float, Threshold(LOSS, change=True)] = 0.05
    max_class_loss: Annotated[float, Threshold(LOSS, by_class=True)] = 0.9


def limits(config: config_pb2.EvalConfig, metric: Metric) -> list[config_pb2.PerSliceMetricThreshold]:
    """What TFMA is told of a metric."""
    (found,) = [m for m in config.metrics_specs[0].metrics if metric.name in m.config]
    return list(found.per_slice_thresholds)


def test_change_thresholds_exist_only_with_a_baseline() -> None:
    for has_baseline, names in ((False, [""]), (True, [CANDIDATE, BASELINE])):
        config = eval_config(EvaluationConfig(min_accuracy=0.8), has_baseline=has_baseline)
        assert [spec.name for spec in config.model_specs] == names
        found = limits(config, ACCURACY)
        assert found[0].threshold.value_threshold.lower_bound.value == pytest.approx(0.8)
        assert [t.threshold.HasField("change_threshold") for t in found] == [False, False, True, True][: 2 * len(names)]


def test_a_metric_of_which_less_is_better_has_maximums() -> None:
    whole, change, by_class = limits(eval_config(LossConfig(), has_baseline=True), LOSS)
    assert whole.threshold.value_threshold.upper_bound.value == pytest.approx(0.4)
    assert not whole.threshold.value_threshold.HasField("lower_bound")
    assert change.threshold.change_threshold.absolute.value == pytest.approx(0.05)
    assert change.threshold.change_threshold.direction == config_pb2.MetricDirection.LOWER_IS_BETTER
    assert [dict(s.feature_values) for s in by_class.slicing_specs] == [
        {"label": str(n)} for n in range(DATASET.num_classes)
    ]


def config_of(min_accuracy: float, max_accuracy_drop: float) -> config_pb2.EvalConfig:
    """Thresholds over all examples alone, which TFMA reads faster."""
    values = EvaluationConfig(min_accuracy=min_accuracy, max_accuracy_drop=max_accuracy_drop)
    config = eval_config(values, has_baseline=True)
    kept = [found for found in limits(config, ACCURACY) if len(found.slicing_specs) == 1]
    metric = config_pb2.MetricConfig(class_name="Overall", module=metrics.__name__, per_slice_thresholds=kept)
    metric.config = config.metrics_specs[0].metrics[0].config
    del config.metrics_specs[:]
    config.metrics_specs.add(metrics=[metric])
    return config


@functools.cache
def tfma_keys() -> tuple[metric_types.MetricKey, ...]:
    """What TFMA calls the accuracy and its change."""
    config = config_of(0, 0)
    return tuple(metric_specs.metric_thresholds_from_metrics_specs(config.metrics_specs, config))


def judge(config: config_pb2.EvalConfig, accuracy: float, baseline: float) -> bool:
    """TFMA's verdict over all examples of a model and a baseline with these accuracies."""
    values = {key: accuracy - baseline if key.is_diff else accuracy for key in tfma_keys()}
    return metrics_validator.validate_metrics(((), values), config).validation_ok


def counts_of(right: int, examples: int = 10_000) -> ClassCounts:
    """The counts of a model of two classes that is right so many times."""
    return ClassCounts(np.array([[right, examples - right], [0, 0]]), 0, np.empty(0, np.int64))


def test_an_accuracy_that_equals_its_threshold_passes_and_the_next_lower_one_is_refused() -> None:
    for right in range(1, 10_001):
        config = config_of(float(f"0.{right:04d}" if right < 10_000 else "1"), 1.0)
        assert judge(config, metrics.OVERALL[ACCURACY.name](counts_of(right)), 0), right
        assert not judge(config, metrics.OVERALL[ACCURACY.name](counts_of(right - 1)), 0), right


@pytest.mark.parametrize("allowed", ["0", "0.0001", "0.003", "0.01", "0.0125", "0.1"])
def test_a_drop_that_equals_the_allowed_one_passes_and_the_next_larger_one_is_refused(allowed: str) -> None:
    config, drop = config_of(0.0, float(allowed)), round(10_000 * float(allowed))
    for right in range(1, 10_001 - drop, 7):
        accuracies = (metrics.OVERALL[ACCURACY.name](counts_of(n)) for n in (right, right - 1, right + drop))
        equal, lower, baseline = accuracies
        assert judge(config, equal, baseline), right
        assert not judge(config, lower, baseline), right


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.01, 0.8875, 0.123456789, 1.0, 4.25])
def test_a_limit_is_read_back_as_it_was_given(limit: float) -> None:
    assert {round(limit + side, LIMIT_DECIMALS) for side in (-ROUNDING, 0, ROUNDING)} == {limit}
