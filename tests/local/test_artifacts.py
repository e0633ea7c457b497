"""The manifest's figures are those of the model's predictions."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from modules.dataset import DATASET
from tests.predictions import Predicted, predicted  # noqa: F401 - a fixture
from tests.small_run import Run


def test_the_metrics_are_those_of_the_predictions(first_run: Run, predicted: Predicted) -> None:  # noqa: F811
    metrics = first_run.manifest["metrics"]
    assert list(metrics) == ["accuracy", "loss", "num_examples", "per_class_accuracy"]
    assert metrics["accuracy"] == predicted.right.mean()
    assert metrics["loss"] == pytest.approx(log_loss(predicted.labels, predicted.probabilities), abs=1e-6)
    assert metrics["num_examples"] == 1000
    right = np.bincount(predicted.labels, weights=predicted.right) / np.bincount(predicted.labels)
    assert metrics["per_class_accuracy"] == dict(zip(DATASET.class_names, right.tolist(), strict=True))
    assert first_run.manifest["refusals"] == []


def test_the_summary_shows_accuracy_and_loss(first_run: Run) -> None:
    metrics = first_run.manifest["metrics"]
    assert f"{metrics['accuracy']:.4f} on 1,000 images, loss {metrics['loss']:.4f}\n" in first_run.console
