"""The models of modules/models."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest

from modules import models
from modules.dataset import DATASET
from modules.hyperparameters import models_defaults
from modules.models import cnn
from tfx_pipeline.data import idx, sources


@pytest.mark.parametrize("name", models.names())
def test_every_model_maps_pixels_to_ten_logits(name: str) -> None:
    logits = models.build(name)(np.zeros((3, 28, 28), np.float32))
    assert logits.shape == (3, 10)
    assert float(np.abs(logits).max()) < 100


def test_dense_is_the_tutorials_model() -> None:
    assert models.build("dense").count_params() == 784 * 128 + 128 + 128 * 10 + 10


def test_a_model_is_trained_as_its_file_says_and_else_as_the_tutorials() -> None:
    every = {"label_smoothing": 0, "validation_fraction": 0, "early_stopping": 0, "precision": "auto"}
    assert models_defaults("dense") == {"epochs": 10, "batch_size": 256, "learning_rate": 0.004} | every
    own = {"epochs": 14, "batch_size": 128, "learning_rate": 0.002, "label_smoothing": 0.1, "precision": "fastest"}
    assert models_defaults("cnn") == every | own


def test_an_unknown_model_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown model 'densse': expected one of cnn, dense"):
        models.build("densse")


def test_cnn_answers_alike_for_an_image_and_its_mirror_image(images: np.ndarray) -> None:
    model = models.build("cnn")
    np.testing.assert_allclose(model(images), model(images[:, :, ::-1]), atol=1e-5)


def test_cnn_trains_on_images_that_are_moved_by_a_pixel_and_mirrored_at_random(images: np.ndarray) -> None:
    wrapped = models.build("cnn").layers[-1]
    seen: list[np.ndarray] = []
    wrapped._network = lambda batch, **_: seen.append(np.array(batch)) or batch
    wrapped(images[..., np.newaxis], training=True)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    moves = itertools.product((0, 1, 2), (0, 1, 2), (1, -1))
    possible = np.stack([padded[:, y : y + 28, x : x + 28][:, :, ::flip] for y, x, flip in moves])
    found = (possible == seen[0][..., 0]).all(axis=(2, 3)).reshape(3, 3, 2, 100)
    assert found.any(axis=(0, 1, 2)).all()
    # An image may look alike in several ways, so that each way is found at least as often as it is taken.
    for way in (found.any(axis=(1, 2)), found.any(axis=(0, 2)), found.any(axis=(0, 1))):
        shares = way.sum(axis=1)
        assert (shares >= 0.6 * 100 / len(shares)).all()
        assert (shares < 90).all()


def test_cnn_mirrors_nothing_where_a_mirror_image_is_another_class(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnn, "DATASET", dataclasses.replace(DATASET, mirrored_alike=False))
    model = models.build("cnn")
    assert not np.allclose(model(images), model(images[:, :, ::-1]), atol=1e-5)
    wrapped = model.layers[-1]
    seen: list[np.ndarray] = []
    wrapped._network = lambda batch, **_: seen.append(np.array(batch)) or batch
    wrapped(images[..., np.newaxis], training=True)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    moves = itertools.product((0, 1, 2), (0, 1, 2))
    possible = np.stack([padded[:, y : y + 28, x : x + 28] for y, x in moves])
    assert (possible == seen[0][..., 0]).all(axis=(2, 3)).any(axis=0).all()


def test_the_fused_normalisation_is_keras(images: np.ndarray) -> None:
    keras_own, fused = keras.layers.BatchNormalization(momentum=0.9), cnn.FusedBatchNormalization(momentum=0.9)
    channels = np.stack([images, images[:, ::-1] * 3 - 1], axis=-1)
    for layer in (keras_own, fused):
        layer.build(channels.shape)
        layer.set_weights([np.array(values, np.float32) for values in ([2, 3], [1, -1], [0.1, 0.2], [0.5, 2])])
    for training in (True, False):
        np.testing.assert_allclose(
            fused(channels, training=training), keras_own(channels, training=training), atol=2e-3
        )
    for ours, theirs in zip(fused.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)


@pytest.fixture(scope="module")
def images(dataset: sources.VerifiedFiles) -> np.ndarray:
    """The first 100 test images, float32 from 0 to 1."""
    path = f"{dataset.path}/t10k-images-idx3-ubyte"
    return idx.read_images(path, 0, 100).astype(np.float32) / 255
