"""Images of three channels, and of another shape, are predicted and shown as they are."""

import base64
import dataclasses
import io
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf

from modules.dataset import DATASET
from tests.predictions import Predicted
from tests.review.conftest import write_examples
from tfx_pipeline.review import charts, predictions, report_writer
from tfx_pipeline.review.content import Mistake, Review

TINT = np.array([1.0, 0.5, 0.0])


class GuessesBags(tf.Module):
    """Takes everything for a bag."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.one_hot(tf.repeat(8, tf.size(examples)), 10)}


@pytest.fixture(scope="module")
def tinted(predicted: Predicted) -> np.ndarray:
    """Real images in orange and 20 pixels high, uint8 [100, 20, 28, 3]."""
    return (predicted.images[:100, 4:24, :, np.newaxis] * TINT).astype(np.uint8)


@pytest.fixture
def mistakes(
    tinted: np.ndarray, predicted: Predicted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Mistake, ...]:
    monkeypatch.setattr(predictions, "DATASET", dataclasses.replace(DATASET, image_shape=(20, 28, 3)))
    model = GuessesBags()
    tf.saved_model.save(model, str(tmp_path / "model"), {"serving_default": model.serve})
    write_examples(tmp_path, tinted, predicted.labels[:100])
    files = [str(path) for path in (tmp_path / "Split-eval").iterdir()]
    return predictions.summarize(predictions.predict(str(tmp_path / "model"), files)).mistakes


def test_the_worst_mistakes_are_the_colour_images(mistakes: tuple[Mistake, ...], tinted: np.ndarray) -> None:
    assert len(mistakes) == predictions.WORST_MISTAKES
    for mistake in mistakes:
        np.testing.assert_array_equal(mistake.image, tinted[mistake.position])


def test_the_report_shows_their_very_pixels(mistakes: tuple[Mistake, ...], review: Review) -> None:
    found = dataclasses.replace(review.predictions, mistakes=mistakes)
    page = report_writer.render(dataclasses.replace(review, predictions=found))
    for mistake in mistakes:
        uri = report_writer.data_uri(mistake.image)
        assert uri in page
        png = matplotlib.image.imread(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        np.testing.assert_array_equal((255 * png[..., :3]).round().astype(np.uint8), mistake.image)


def test_the_chart_shows_colour_in_the_images_proportions(mistakes: tuple[Mistake, ...]) -> None:
    chart = charts.mistakes(mistakes[:4])
    box = chart.figure.axes[0].images[0].get_window_extent()
    assert box.width / box.height == pytest.approx(28 / 20, rel=0.02)
    pixels = matplotlib.image.imread(io.BytesIO(chart.png()))[..., :3]
    orange = (pixels[..., 0] > 0.6) & (pixels[..., 2] < 0.1)
    assert orange.mean() > 0.05


def test_a_chart_grows_with_the_classes(review: Review) -> None:
    scores = review.model
    many = dataclasses.replace(
        scores, classes=scores.classes * 3, confusion=np.kron(np.eye(3, dtype=int), scores.confusion)
    )
    for draw in (charts.confusion, lambda model: charts.class_recall(model, None)):
        small, large = (draw(model).figure.get_size_inches() for model in (scores, many))
        assert large[1] == pytest.approx(3 * small[1])
