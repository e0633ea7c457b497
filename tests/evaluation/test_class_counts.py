"""Counting a classifier's predictions, against Keras and NumPy."""

import keras
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from tfx_pipeline.evaluation.class_counts import BINS, ClassCounts, score_bins, total


@pytest.fixture(scope="module")
def scored() -> tuple[np.ndarray, np.ndarray]:
    """Labels [n] and float32 probabilities [n, 3], some of them 0 or 1 to the last digit."""
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 3, 1000)
    logits = 60 * generator.normal(size=(1000, 3)) + np.eye(3)[labels]
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, (exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32)


def counted(labels: np.ndarray, probabilities: np.ndarray) -> ClassCounts:
    counts = ClassCounts.empty(3)
    counts.add(labels, probabilities)
    return counts


def test_the_loss_is_keras(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    metric = keras.metrics.SparseCategoricalCrossentropy()
    metric.update_state(labels, probabilities)
    assert probabilities.min() < 1e-7  # there is something to clip
    assert counted(labels, probabilities).loss / 1000 == pytest.approx(float(metric.result()), rel=1e-6)


def test_the_confusion_matrix_is_scikit_learns(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    expected = confusion_matrix(labels, probabilities.argmax(axis=1))
    np.testing.assert_array_equal(counted(labels, probabilities).confusion, expected)


def test_each_score_is_counted_once_for_its_class(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    scores = counted(labels, probabilities).scores
    np.testing.assert_array_equal(scores[1].sum(axis=1), np.bincount(labels))
    np.testing.assert_array_equal(scores.sum(axis=(0, 2)), [1000, 1000, 1000])
    np.testing.assert_array_equal(scores[1, 2], np.bincount(score_bins(probabilities[labels == 2, 2]), minlength=BINS))


def test_the_parts_of_a_batch_add_up_to_it(scored: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scored
    parts = [counted(labels[chosen], probabilities[chosen]) for chosen in np.split(np.arange(1000), [1, 1, 400])]
    whole, added = counted(labels, probabilities), total(parts, 3)
    np.testing.assert_array_equal(added.confusion, whole.confusion)
    np.testing.assert_array_equal(added.scores, whole.scores)
    assert added.loss == whole.loss


def test_the_loss_is_the_same_to_the_digit_in_whatever_order_and_parts_it_is_added(
    scored: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, probabilities = scored
    generator, whole = np.random.default_rng(6), counted(labels, probabilities).loss
    for _ in range(20):
        cuts = np.sort(generator.integers(0, 1000, 5))
        parts = [
            counted(labels[chosen], probabilities[chosen]) for chosen in np.split(generator.permutation(1000), cuts)
        ]
        assert total(parts, 3).loss == whole


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_is_named(label: int) -> None:
    with pytest.raises(ValueError, match=f"label {label}: expected 0 to 2"):
        counted(np.array([0, label]), np.full((2, 3), 1 / 3, np.float32))


def test_scores_of_zero_and_one_lie_in_the_outer_bins() -> None:
    assert score_bins(np.array([0.0, 1.0], np.float32)).tolist() == [0, BINS - 1]
