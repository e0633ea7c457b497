"""What TFMA computes for the pipeline, and the verdict in words."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score

from modules.dataset import DATASET
from tests.small_run import Run
from tfx_pipeline.data import idx, sources
from tfx_pipeline.evaluation.configuration import Thresholds, eval_config
from tfx_pipeline.evaluation.results import read_model_scores
from tfx_pipeline.evaluation.verdict import read_metrics, read_refusals


@pytest.fixture(scope="module")
def evaluation(first_run: Run) -> Path:
    return first_run.artifact("evaluator", "evaluation")


@pytest.fixture(scope="module")
def labels(dataset: sources.VerifiedFiles) -> np.ndarray:
    return idx.read_labels(f"{dataset.path}/t10k-labels-idx1-ubyte", 0, 1000)


@pytest.fixture(scope="module")
def probabilities(first_run: Run, dataset: sources.VerifiedFiles) -> np.ndarray:
    model = tf.saved_model.load(first_run.artifact("trainer", "model") / "Format-Serving")
    images = idx.read_images(f"{dataset.path}/t10k-images-idx3-ubyte", 0, 1000)
    return model.signatures["serving_images"](images=tf.constant(images))["probabilities"].numpy()


def whole(evaluation: Path) -> dict[tuple[str, int | None], float]:
    """TFMA's metrics over all examples, by name and class."""
    (metrics,) = [m for m in tfma.load_metrics(str(evaluation)) if not m.slice_key.single_slice_keys]
    return {
        (item.key.name, item.key.sub_key.class_id.value if item.key.HasField("sub_key") else None):
        item.value.double_value.value
        for item in metrics.metric_keys_and_values
    }  # fmt: skip


def test_the_metrics_equal_those_of_the_models_predictions(
    evaluation: Path, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    metrics = read_metrics(str(evaluation))
    right = probabilities.argmax(axis=1) == labels
    assert metrics.accuracy == np.float32(right.mean())
    assert metrics.loss == pytest.approx(log_loss(labels, probabilities), abs=1e-6)
    assert metrics.num_examples == 1000
    assert list(metrics.per_class_accuracy) == list(DATASET.class_names)
    by_class = [right[labels == label].mean() for label in range(10)]
    assert list(metrics.per_class_accuracy.values()) == [np.float32(value) for value in by_class]


def test_the_losses_by_class_are_those_of_the_models_predictions(
    evaluation: Path, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    model, _ = read_model_scores(str(evaluation))
    losses = -np.log(probabilities[np.arange(len(labels)), labels].astype(np.float64))
    by_class = [losses[labels == label].mean() for label in range(10)]
    assert [scores.loss for scores in model.classes] == pytest.approx(by_class, abs=1e-6)
    assert [scores.examples for scores in model.classes] == np.bincount(labels).tolist()


def test_precision_recall_and_auc_by_class_equal_scikit_learns(
    evaluation: Path, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    values = whole(evaluation)
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1))
    for label in range(10):
        assert values["class_precision", label] == pytest.approx(matrix[label, label] / matrix[:, label].sum())
        assert values["class_recall", label] == pytest.approx(matrix[label, label] / matrix[label].sum())
        area = roc_auc_score(labels == label, probabilities[:, label])
        assert values["auc", label] == pytest.approx(area, abs=1e-3)


def test_the_confusion_matrix_is_that_of_the_predictions(
    evaluation: Path, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    (plots,) = [p for p in tfma.load_plots(str(evaluation)) if not p.slice_key.single_slice_keys]
    matrix = np.zeros((10, 10))
    for plot in plots.plot_keys_and_values:
        for entry in plot.value.multi_class_confusion_matrix_at_thresholds.matrices[0].entries:
            matrix[entry.actual_class_id, entry.predicted_class_id] = entry.num_weighted_examples
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, probabilities.argmax(axis=1)))


def test_a_blessed_model_has_no_refusals(evaluation: Path) -> None:
    assert read_refusals(str(evaluation)) == []


def test_change_thresholds_exist_only_with_a_baseline() -> None:
    thresholds = Thresholds(
        min_accuracy=0.8, min_class_accuracy=0.5, max_accuracy_drop=0.01, max_class_accuracy_drop=0.1
    )
    for has_baseline, count in ((False, 1), (True, 2)):
        config = eval_config(thresholds, has_baseline=has_baseline)
        assert len(config.model_specs) == count
        whole_threshold = config.metrics_specs[0].metrics[0].per_slice_thresholds[0].threshold
        assert whole_threshold.value_threshold.lower_bound.value == 0.8
        assert whole_threshold.HasField("change_threshold") is has_baseline
