"""The metrics by class, against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_score, recall_score, roc_auc_score

from tfx_pipeline.evaluation import class_counts, metrics


@pytest.fixture(scope="module")
def scored() -> tuple[np.ndarray, np.ndarray]:
    """Labels [n] and probabilities [n, 3] of a classifier that is right more often than not."""
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 3, 5000)
    logits = generator.normal(size=(5000, 3)) + 4 * np.eye(3)[labels] * generator.random((5000, 1))
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_accuracy_precision_and_recall_equal_scikit_learns(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    predictions = probabilities.argmax(axis=1)
    matrix = confusion_matrix(labels, predictions)
    counts = class_counts.ClassCounts.empty(3)
    counts.add(labels, probabilities)
    assert metrics.OVERALL["sparse_categorical_accuracy"](counts) == (labels == predictions).mean()
    assert metrics.OVERALL["example_count"](counts) == 5000
    for class_id in range(3):
        options = {"labels": [class_id], "average": None}
        assert metrics.precision(matrix, class_id) == pytest.approx(precision_score(labels, predictions, **options)[0])
        assert metrics.recall(matrix, class_id) == pytest.approx(recall_score(labels, predictions, **options)[0])


def test_a_class_without_examples_or_predictions_has_no_value() -> None:
    matrix = np.array([[5, 0], [0, 0]])
    assert math.isnan(metrics.precision(matrix, 1))
    assert math.isnan(metrics.recall(matrix, 1))
    assert math.isnan(metrics.area_under_roc(np.zeros(4), np.ones(4)))


def test_the_area_under_roc_equals_scikit_learns_to_four_digits(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    for class_id in range(3):
        scores = probabilities[:, class_id]
        histograms = [
            np.bincount(class_counts.score_bins(scores[chosen]), minlength=class_counts.BINS)
            for chosen in (labels != class_id, labels == class_id)
        ]
        assert metrics.area_under_roc(*histograms) == pytest.approx(roc_auc_score(labels == class_id, scores), abs=1e-4)
