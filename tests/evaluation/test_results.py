"""The figures that are read from TFMA's output are those that scikit-learn computes from the model's predictions."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, log_loss, precision_score, recall_score, roc_auc_score

from modules.dataset import DATASET
from tests.predictions import Predicted
from tfx_pipeline.evaluation.results import Evaluation, read_evaluation


def test_accuracy_and_loss_equal_those_of_the_predictions(evaluation: Evaluation, predicted: Predicted) -> None:
    overall = evaluation.model.overall
    assert overall.examples == 1000
    assert overall.accuracy == predicted.right.mean()  # to the last bit of float64
    assert overall.loss == pytest.approx(log_loss(predicted.labels, predicted.probabilities), abs=1e-6)


def test_the_confusion_matrix_equals_scikit_learns(evaluation: Evaluation, predicted: Predicted) -> None:
    expected = confusion_matrix(predicted.labels, predicted.classes)
    np.testing.assert_array_equal(evaluation.model.confusion, expected)


def test_precision_recall_and_auc_by_class_equal_scikit_learns(evaluation: Evaluation, predicted: Predicted) -> None:
    scores = evaluation.model.classes
    assert [s.name for s in scores] == list(DATASET.class_names)
    precision = precision_score(predicted.labels, predicted.classes, average=None)
    recall = recall_score(predicted.labels, predicted.classes, average=None)
    assert [s.precision for s in scores] == pytest.approx(precision, rel=1e-12)
    assert [s.recall for s in scores] == pytest.approx(recall, rel=1e-12)
    for label, found in enumerate(scores):
        assert found.examples == (predicted.labels == label).sum()
        area = roc_auc_score(predicted.labels == label, predicted.probabilities[:, label])
        assert found.auc == pytest.approx(area, abs=1e-3)


def test_the_losses_by_class_are_those_of_the_predictions(evaluation: Evaluation, predicted: Predicted) -> None:
    labels = predicted.labels
    losses = -np.log(predicted.probabilities[np.arange(len(labels)), labels].astype(np.float64))
    by_class = [losses[labels == label].mean() for label in range(10)]
    assert [scores.loss for scores in evaluation.model.classes] == pytest.approx(by_class, abs=1e-6)


def test_every_threshold_is_listed_with_its_outcome(evaluation: Evaluation) -> None:
    thresholds = evaluation.thresholds
    assert [t.subject for t in thresholds] == ["all examples", *DATASET.class_names]
    assert {t.measure for t in thresholds} == {"accuracy"}
    assert [t.limit for t in thresholds] == [0.5] + [0.0] * 10
    recalls = [scores.recall for scores in evaluation.model.classes]
    assert [t.value for t in thresholds] == [evaluation.model.overall.accuracy, *recalls]
    assert [t.examples for t in thresholds] == [1000, *(scores.examples for scores in evaluation.model.classes)]
    assert all(t.passed == (t.value >= t.limit) for t in thresholds)


def test_a_blessed_model_has_no_refusals_and_the_first_no_baseline(evaluation: Evaluation) -> None:
    assert evaluation.refusals == ()
    assert evaluation.baseline is None


def test_a_directory_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no metric sparse_categorical_accuracy over all examples"):
        read_evaluation(str(tmp_path))
