"""The figures of the review are those that scikit-learn computes from the model's predictions."""

import re

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_score, recall_score, roc_auc_score

from modules.dataset import DATASET
from tests.review.conftest import Predicted
from tfx_pipeline.review import markdown as text
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.report_writer import render


def test_accuracy_and_loss_equal_scikit_learns(review: Review, predicted: Predicted) -> None:
    overall = review.model.overall
    assert overall.examples == 1000
    assert overall.accuracy == pytest.approx(
        accuracy_score(predicted.labels, predicted.probabilities.argmax(axis=1)), abs=1e-6
    )
    assert overall.loss == pytest.approx(log_loss(predicted.labels, predicted.probabilities), abs=1e-4)


def test_the_confusion_matrix_equals_scikit_learns(review: Review, predicted: Predicted) -> None:
    expected = confusion_matrix(predicted.labels, predicted.probabilities.argmax(axis=1))
    np.testing.assert_array_equal(review.model.confusion, expected)


def test_precision_recall_and_auc_by_class_equal_scikit_learns(review: Review, predicted: Predicted) -> None:
    guesses = predicted.probabilities.argmax(axis=1)
    scores = review.model.classes
    assert [s.precision for s in scores] == pytest.approx(precision_score(predicted.labels, guesses, average=None))
    assert [s.recall for s in scores] == pytest.approx(recall_score(predicted.labels, guesses, average=None))
    for label, found in enumerate(scores):
        assert found.examples == (predicted.labels == label).sum()
        assert found.auc == pytest.approx(
            roc_auc_score(predicted.labels == label, predicted.probabilities[:, label]), abs=1e-3
        )


def test_the_page_shows_scikit_learns_figures_to_the_digit(review: Review, predicted: Predicted) -> None:
    guesses = predicted.probabilities.argmax(axis=1)
    precision = precision_score(predicted.labels, guesses, average=None)
    recall = recall_score(predicted.labels, guesses, average=None)
    section = render(review).partition('<section id="classes"')[2].partition("</section>")[0]
    for label, name in enumerate(DATASET.class_names):
        row = re.search(rf'<tr><th scope="row">{name}</th>(.*?)</tr>', section)
        assert row is not None
        cells = re.findall(r"<td>(.*?)</td>", row[1])
        assert cells[1:3] == [f"{precision[label]:.4f}", f"{recall[label]:.4f}"]


def test_every_threshold_is_listed_with_its_outcome(review: Review) -> None:
    assert [t.subject for t in review.thresholds] == ["all examples", *DATASET.class_names]
    assert {t.measure for t in review.thresholds} == {"accuracy"}
    assert review.thresholds[0].limit == 0.5
    assert review.thresholds[0].value == review.model.overall.accuracy
    assert all(t.passed == (t.value >= t.limit) for t in review.thresholds)
    assert "| all examples | accuracy |" in text.thresholds(review)
