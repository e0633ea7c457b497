"""The metrics by class, against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from tfx_pipeline import metrics


@pytest.fixture(scope="module")
def scored() -> tuple[np.ndarray, np.ndarray]:
    """Labels [n] and probabilities [n, 3] of a classifier that is right more often than not."""
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 3, 5000)
    logits = generator.normal(size=(5000, 3)) + 4 * np.eye(3)[labels] * generator.random((5000, 1))
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_precision_and_recall_equal_scikit_learns(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    predictions = probabilities.argmax(axis=1)
    pairs, counts = np.unique(np.stack([labels, predictions], axis=1), axis=0, return_counts=True)
    matrix = {(int(a), int(p)): float(c) for (a, p), c in zip(pairs, counts, strict=True)}
    for class_id in range(3):
        options = {"labels": [class_id], "average": None}
        assert metrics.precision(matrix, class_id) == pytest.approx(precision_score(labels, predictions, **options)[0])
        assert metrics.recall(matrix, class_id) == pytest.approx(recall_score(labels, predictions, **options)[0])


def test_a_class_without_examples_or_predictions_has_no_value() -> None:
    assert math.isnan(metrics.precision({(0, 0): 5.0}, 1))
    assert math.isnan(metrics.recall({(0, 0): 5.0}, 1))
    assert math.isnan(metrics.area_under_roc(np.zeros(4), np.ones(4)))


def test_the_area_under_roc_equals_scikit_learns_to_four_digits(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    for class_id in range(3):
        scores = probabilities[:, class_id]
        histograms = [
            np.bincount(metrics.score_bins(scores[chosen]), minlength=metrics.BINS).astype(float)
            for chosen in (labels != class_id, labels == class_id)
        ]
        assert metrics.area_under_roc(*histograms) == pytest.approx(roc_auc_score(labels == class_id, scores), abs=1e-4)


def test_scores_of_zero_and_one_lie_in_the_outer_bins() -> None:
    assert metrics.score_bins(np.array([0.0, 1.0], np.float32)).tolist() == [0, metrics.BINS - 1]
