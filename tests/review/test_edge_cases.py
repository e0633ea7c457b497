"""A review of very little still is a sensible page, in every place that it is shown."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tfx.types import Artifact

from tests.predictions import Predicted
from tfx_pipeline.record.system_types import ClassificationMetrics, Metrics
from tfx_pipeline.review import kubeflow_writer
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.report_writer import render
from tfx_pipeline.review.tensorboard_writer import scalars, write_tensorboard

ReviewOf = Callable[[np.ndarray, np.ndarray, dict[str, float]], Review]


def show_everywhere(review: Review, directory: Path) -> str:
    """Writes the review in every place and returns the page."""
    write_tensorboard(review, str(directory / "events"), str(directory / "no logs"), "a run")
    kubeflow_writer.write_markdown(review, str(directory / "summary.md"))
    artifact: Artifact
    for artifact, write in (
        (Metrics(), kubeflow_writer.write_metrics),
        (ClassificationMetrics(), kubeflow_writer.write_classification_metrics),
    ):
        write(review, artifact)
    page = render(review)
    assert ">nan<" not in page
    return page


def test_a_model_without_mistakes(review_of: ReviewOf, predicted: Predicted, tmp_path: Path) -> None:
    right = predicted.right
    review = review_of(predicted.images[right], predicted.labels[right], {})
    page = show_everywhere(review, tmp_path)
    assert review.model.overall.accuracy == 1
    assert "The model makes no mistake on these" in page
    assert "No example is taken for another class." in page


def test_examples_of_one_class_only(review_of: ReviewOf, predicted: Predicted, tmp_path: Path) -> None:
    trousers = predicted.labels == 1
    review = review_of(predicted.images[trousers], predicted.labels[trousers], {})
    page = show_everywhere(review, tmp_path)
    assert [c.examples > 0 for c in review.model.classes] == [label == 1 for label in range(10)]
    assert not any(curve.defined for curve in review.predictions.curves)
    assert "T-shirt/top: no examples to evaluate" in page
    assert not review.verdict.blessed
    assert {tag.partition("/")[2] for tag in scalars(review) if "recall/" in tag} == {"Trouser"}


def test_ten_examples(review_of: ReviewOf, predicted: Predicted, tmp_path: Path) -> None:
    review = review_of(predicted.images[:10], predicted.labels[:10], {})
    page = show_everywhere(review, tmp_path)
    low, high = review.model.overall.interval
    assert high - low > 0.2
    assert review.model.overall.examples == 10
    assert "of 10 examples" in page


def test_a_refused_model_says_first_why(review_of: ReviewOf, predicted: Predicted, tmp_path: Path) -> None:
    review = review_of(predicted.images[:300], predicted.labels[:300], {"min_accuracy": 0.99})
    page = show_everywhere(review, tmp_path)
    body = page.partition("<body>")[2]
    assert body.index("Refused:") < body.index("at least 0.9900 is required") < body.index("<nav")
    summary = (tmp_path / "summary.md").read_text()
    assert summary.splitlines()[2].startswith("**Refused")
    assert review.predictions.mistake_count == pytest.approx((~predicted.right[:300]).sum())
