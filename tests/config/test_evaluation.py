"""Metrics and thresholds, declared once."""

import keras
import numpy as np
import pytest

from tests.evaluation.test_class_counts import counted
from tfx_pipeline.config.evaluation import ACCURACY, LOSS, METRICS, EvaluationConfig
from tfx_pipeline.process.errors import UserError


def test_the_metrics_have_kerass_names_and_values() -> None:
    generator = np.random.default_rng(3)
    labels, scores = generator.integers(0, 3, 500), generator.random((500, 3)).astype(np.float32)
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    counts = counted(labels, probabilities)
    assert counts.confusion.trace() / 500 == ACCURACY.value(counts)
    for metric, keras_metric in (
        (ACCURACY, keras.metrics.SparseCategoricalAccuracy()),
        (LOSS, keras.metrics.SparseCategoricalCrossentropy()),
    ):
        keras_metric.update_state(labels, probabilities)
        assert metric.name == keras_metric.name
        assert metric.value(counts) == pytest.approx(float(keras_metric.result()), rel=1e-6)


def test_every_value_is_a_threshold_of_a_metric_that_is_measured() -> None:
    thresholds = EvaluationConfig.thresholds()
    assert list(thresholds) == list(EvaluationConfig.model_fields)
    assert {threshold.metric for threshold in thresholds.values()} <= set(METRICS)
    assert len({metric.name for metric in METRICS}) == len({metric.title for metric in METRICS}) == len(METRICS)


def test_a_value_that_came_with_the_run_is_checked_and_named() -> None:
    with pytest.raises(UserError, match=r"min_accuracy: got 7\.0, expected less than or equal to 1"):
        EvaluationConfig.checked({"min_accuracy": 7.0})
