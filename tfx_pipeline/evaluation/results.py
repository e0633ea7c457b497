"""Reads TFMA's output once: the figures of the model and of the baseline, and the result of every threshold."""

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow_model_analysis as tfma
from numpy.typing import NDArray
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2
from tensorflow_model_analysis.writers import eval_config_writer

from modules.dataset import DATASET
from modules.features import LABEL_KEY
from tfx_pipeline.config.evaluation import ACCURACY, LOSS, METRICS
from tfx_pipeline.evaluation.configuration import BASELINE, LIMIT_DECIMALS
from tfx_pipeline.evaluation.metrics import AUC, CLASS_PRECISION, CLASS_RECALL, EXAMPLE_COUNT, NOT_FINITE_COUNT
from tfx_pipeline.evaluation.scores import NOT_FINITE, ClassScores, ModelScores, Scores, ThresholdResult


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single answer to ==
class Evaluation:
    """What the evaluator found.

    Attributes:
        model: The judged model's figures; NaN where TFMA has none, as for a class without examples.
        baseline: The same of the baseline; None where there was none.
        thresholds: Every threshold that was configured, all examples first, then class by class; and that of outputs
            that are not finite, if there are any.
    """

    model: ModelScores
    baseline: ModelScores | None
    thresholds: tuple[ThresholdResult, ...]

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the model was refused: a line for each threshold that was missed; none where it was blessed."""
        return tuple(dict.fromkeys(threshold.refusal for threshold in self.thresholds if not threshold.passed))


def read_evaluation(evaluation_uri: str) -> Evaluation:
    """Reads what TFMA wrote.

    Args:
        evaluation_uri: Directory of the ``ModelEvaluation`` artifact.

    Returns:
        The figures, and the thresholds; one that could not be measured is missed, as it is for TFMA.

    Raises:
        ValueError: The directory holds no metrics over all examples, or no configuration.
    """
    metrics = {key: value for found in tfma.load_metrics(evaluation_uri) for key, value in _scalars(found)}
    if _Key(ACCURACY.name) not in metrics:
        raise ValueError(f"{evaluation_uri}: holds no metric {ACCURACY.name} over all examples")
    config = eval_config_writer.load_eval_run(evaluation_uri)[0]
    if config is None:
        raise ValueError(f"{evaluation_uri}: holds no eval_config.json")
    failed = set(_failures(evaluation_uri))
    has_baseline = _Key(ACCURACY.name, baseline=True) in metrics
    confusion, baseline_confusion = _confusion(evaluation_uri)
    return Evaluation(
        model=_model_scores(metrics, confusion, baseline=False),
        baseline=_model_scores(metrics, baseline_confusion, baseline=True) if has_baseline else None,
        thresholds=tuple(_threshold_results(config, metrics, failed)),
    )


class _Key(NamedTuple):
    """What a metric is about: the model or the baseline, a slice by label, and for one-vs-rest metrics the class."""

    name: str
    baseline: bool = False
    label: int | None = None
    class_id: int | None = None
    is_diff: bool = False


def _scalars(metrics: metrics_for_slice_pb2.MetricsForSlice) -> Iterator[tuple[_Key, float]]:
    label = _label(metrics.slice_key)
    for item in metrics.metric_keys_and_values:
        key = item.key
        class_id = key.sub_key.class_id.value if key.HasField("sub_key") else None
        if item.value.WhichOneof("type") == "double_value":
            yield (
                _Key(key.name, key.model_name == BASELINE, label, class_id, key.is_diff),
                item.value.double_value.value,
            )


def _label(slice_key: metrics_for_slice_pb2.SliceKey) -> int | None:
    """The label that a slice is about; None for the whole."""
    return slice_key.single_slice_keys[0].int64_value if slice_key.single_slice_keys else None


def _confusion(evaluation_uri: str) -> NDArray[np.int64]:
    """The confusion matrices over all examples, of the model and of the baseline: [2, actual, predicted]."""
    matrices = np.zeros((2, DATASET.num_classes, DATASET.num_classes), np.int64)
    for plots in tfma.load_plots(evaluation_uri):
        for item in plots.plot_keys_and_values if _label(plots.slice_key) is None else ():
            for entry in item.value.multi_class_confusion_matrix_at_thresholds.matrices[0].entries:
                cell = int(item.key.model_name == BASELINE), entry.actual_class_id, entry.predicted_class_id
                matrices[cell] += round(entry.num_weighted_examples)
    return matrices


def _model_scores(metrics: dict[_Key, float], confusion: NDArray[np.int64], *, baseline: bool) -> ModelScores:
    def value(name: str, label: int | None = None, class_id: int | None = None) -> float:
        return metrics.get(_Key(name, baseline, label, class_id), math.nan)

    classes = tuple(
        ClassScores(
            name=name,
            examples=int(metrics.get(_Key(EXAMPLE_COUNT, baseline, label), 0)),
            precision=value(CLASS_PRECISION, class_id=label),
            recall=value(CLASS_RECALL, class_id=label),
            auc=value(AUC, class_id=label) if _Key(EXAMPLE_COUNT, baseline, label) in metrics else math.nan,
            loss=value(LOSS.name, label),
        )
        for label, name in enumerate(DATASET.class_names)
    )
    overall = Scores(
        {metric.title: value(metric.name) for metric in METRICS},
        int(value(EXAMPLE_COUNT)),
        int(metrics.get(_Key(NOT_FINITE_COUNT, baseline), 0)),
    )
    return ModelScores(overall, classes, confusion)


def _failures(evaluation_uri: str) -> Iterator[_Key]:
    for result in tfma.load_validation_result(evaluation_uri).metric_validations_per_slice:
        for failure in result.failures:
            yield _Key(failure.metric_key.name, label=_label(result.slice_key), is_diff=failure.metric_key.is_diff)


def _threshold_results(
    config: config_pb2.EvalConfig, metrics: dict[_Key, float], failed: set[_Key]
) -> Iterator[ThresholdResult]:
    titles = {metric.name: metric.title for metric in METRICS} | {NOT_FINITE_COUNT: NOT_FINITE}
    limits = sorted(_limits(config), key=lambda found: -1 if found[0].label is None else found[0].label)
    for key, minimum, limit in limits:
        if key.name == NOT_FINITE_COUNT and key not in failed:
            continue
        yield ThresholdResult(
            metric=titles[key.name],
            class_name=None if key.label is None else DATASET.class_names[key.label],
            examples=int(metrics.get(_Key(EXAMPLE_COUNT, label=key.label), 0)),
            change=key.is_diff,
            minimum=minimum,
            value=metrics.get(key, math.nan),
            limit=round(limit, LIMIT_DECIMALS) + 0.0,  # no -0.0
            passed=key in metrics and key not in failed,
        )


def _limits(config: config_pb2.EvalConfig) -> Iterator[tuple[_Key, bool, float]]:
    """Every limit in the configuration: its key, whether it is a minimum, and its value."""
    for metric in config.metrics_specs[0].metrics:
        for found in metric.per_slice_thresholds:
            bound, change = found.threshold.value_threshold, found.threshold.change_threshold
            is_diff = found.threshold.HasField("change_threshold")
            minimum = bound.HasField("lower_bound") or change.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
            limit = change.absolute if is_diff else bound.lower_bound if minimum else bound.upper_bound
            for slicing in found.slicing_specs:
                label = int(slicing.feature_values[LABEL_KEY]) if slicing.feature_values else None
                name = json.loads(metric.config)["name"]
                yield _Key(name, label=label, is_diff=is_diff), minimum, limit.value
