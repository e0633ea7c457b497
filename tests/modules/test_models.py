"""The models of modules/models."""

import numpy as np
import pytest

from modules import models
from tfx_pipeline.data import idx, sources


@pytest.mark.parametrize("name", models.names())
def test_every_model_maps_pixels_to_ten_logits(name: str) -> None:
    logits = models.build(name)(np.zeros((3, 28, 28), np.float32))
    assert logits.shape == (3, 10)
    assert float(np.abs(logits).max()) < 100


def test_dense_is_the_tutorials_model() -> None:
    assert models.build("dense").count_params() == 784 * 128 + 128 + 128 * 10 + 10


def test_a_model_is_trained_as_its_file_says_and_else_as_the_tutorials() -> None:
    every = {"held_back": 0, "early_stopping": 0}
    assert models.defaults("dense") == {"epochs": 10, "batch_size": 256, "learning_rate": 0.004} | every
    assert models.defaults("cnn") == {"epochs": 13, "batch_size": 64, "learning_rate": 0.001} | every


def test_an_unknown_model_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown model 'densse': expected one of cnn, dense"):
        models.build("densse")


def test_cnn_answers_alike_for_an_image_and_its_mirror_image(images: np.ndarray) -> None:
    model = models.build("cnn")
    np.testing.assert_allclose(model(images), model(images[:, :, ::-1]), atol=1e-5)


def test_cnn_trains_on_images_that_are_mirrored_at_random(images: np.ndarray) -> None:
    wrapped = models.build("cnn").layers[-1]
    seen: list[np.ndarray] = []
    wrapped._network = lambda batch, **_: seen.append(np.array(batch)) or batch
    wrapped(images[..., np.newaxis], training=True)
    mirrored = (seen[0][..., 0] == images[:, :, ::-1]).all(axis=(1, 2))
    kept = (seen[0][..., 0] == images).all(axis=(1, 2))
    assert (mirrored | kept).all()
    assert 20 < mirrored.sum() < 80


@pytest.fixture(scope="module")
def images(dataset: sources.VerifiedFiles) -> np.ndarray:
    """The first 100 test images, float32 from 0 to 1."""
    path = f"{dataset.path}/t10k-images-idx3-ubyte"
    return idx.read_images(path, 0, 100).astype(np.float32) / 255
