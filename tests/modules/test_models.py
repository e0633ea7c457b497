"""The models of modules/models."""

import numpy as np
import pytest

from modules import models


@pytest.mark.parametrize("name", models.names())
def test_every_model_maps_pixels_to_ten_logits(name: str) -> None:
    logits = models.build(name)(np.zeros((3, 28, 28), np.float32))
    assert logits.shape == (3, 10)
    assert float(np.abs(logits).max()) < 100


def test_dense_is_the_tutorials_model() -> None:
    assert models.build("dense").count_params() == 784 * 128 + 128 + 128 * 10 + 10


def test_an_unknown_model_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown model 'densse': expected one of cnn, dense"):
        models.build("densse")
