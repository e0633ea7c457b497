"""Curves, calibration and worst mistakes, against scikit-learn and straight counting."""

import numpy as np
import pytest

from modules.dataset import DATASET
from tests.predictions import Predicted
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.predictions import THRESHOLDS, UNIFORM_THRESHOLDS, Batch, summarize


def test_curves_count_what_reaches_each_threshold(review: Review, predicted: Predicted) -> None:
    for label, curve in enumerate(review.predictions.curves):
        of_class = predicted.labels == label
        reaches = predicted.probabilities[:, label, np.newaxis] >= THRESHOLDS
        # The batch that a probability is computed in may change its last bit, and with it the side of a threshold.
        np.testing.assert_allclose(curve.true_positives, reaches[of_class].sum(axis=0), atol=1)
        np.testing.assert_allclose(curve.false_positives, reaches[~of_class].sum(axis=0), atol=1)
        assert (curve.positives, curve.negatives) == (of_class.sum(), (~of_class).sum())


def test_the_area_under_a_curve_is_tfmas(review: Review) -> None:
    for curve, scores in zip(review.predictions.curves, review.model.classes, strict=True):
        order = slice(None, None, -1)
        area = np.trapezoid([0, *curve.recall[order]], [0, *curve.false_positive_rate[order]])
        assert area == pytest.approx(scores.auc, abs=0.002)


def test_thresholds_hold_all_that_tensorboard_expects() -> None:
    assert np.isin(UNIFORM_THRESHOLDS.astype(np.float32), THRESHOLDS).all()
    assert (np.diff(THRESHOLDS) > 0).all()
    assert (THRESHOLDS[0], THRESHOLDS[-1]) == (0.0, 1.0)


def test_calibration_is_the_gap_between_confidence_and_accuracy(review: Review, predicted: Predicted) -> None:
    confidence = predicted.probabilities.max(axis=1)
    bins = np.minimum((confidence * 15).astype(int), 14)
    gap = sum(
        abs(confidence[bins == b].mean() - predicted.right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    )
    assert review.predictions.calibration.error == pytest.approx(gap, abs=1e-3)
    assert review.predictions.calibration.counts.sum() == 1000


def test_the_worst_mistakes_are_the_most_confident(review: Review, predicted: Predicted) -> None:
    wrong = np.flatnonzero(~predicted.right)
    confidence = predicted.probabilities.max(axis=1)
    worst = review.predictions.mistakes
    assert review.predictions.mistake_count == len(wrong)
    assert [m.probability for m in worst] == pytest.approx(sorted(confidence[wrong], reverse=True)[:24], abs=1e-5)
    for mistake in worst:
        np.testing.assert_array_equal(mistake.image, predicted.images[mistake.position])
        assert mistake.label == DATASET.class_names[predicted.labels[mistake.position]]
        assert mistake.predicted == DATASET.class_names[predicted.probabilities[mistake.position].argmax()]


def test_the_batches_do_not_matter(predicted: Predicted) -> None:
    def batches(size: int) -> list[Batch]:
        starts = range(0, 1000, size)
        parts = (predicted.images, predicted.labels, predicted.probabilities)
        return [Batch(*(part[start : start + size] for part in parts)) for start in starts]

    whole, parts = summarize(iter(batches(1000))), summarize(iter(batches(7)))
    assert [m.position for m in whole.mistakes] == [m.position for m in parts.mistakes]
    assert whole.calibration.error == pytest.approx(parts.calibration.error)
    for one, other in zip(whole.curves, parts.curves, strict=True):
        np.testing.assert_array_equal(one.true_positives, other.true_positives)
