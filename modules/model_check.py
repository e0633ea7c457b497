"""Judges a model before it trains: what would fail in the midst of a training, or train badly, is said at once."""

import re
from typing import Any

import keras
import numpy as np

from modules import models
from modules.dataset import DATASET

EXPECTED = (
    f"a keras.Model from float32 {['batch', *DATASET.image_shape]} to logits, float32 [batch, {DATASET.num_classes}], "
    'with no softmax or sigmoid after them and dtype="float32" in its last layer'
).replace("'batch'", "batch")

PROBES = 8


class ModelError(ValueError):
    """What ``build`` of a file in ``modules/models`` returned is no classifier of the data set's images."""


def build(name: str) -> keras.Model:
    """Builds a model, and the weights of one that only makes them when it sees its input.

    Args:
        name: One of ``models.names()``.

    Raises:
        ValueError: The name is unknown.
        ModelError: The model cannot be trained on the data set.
    """
    model = models.build(name)
    if problem := _problem(model):
        raise ModelError(f"modules/models/{name}.py: build() returned {problem}; expected {EXPECTED}")
    return model


def _problem(model: Any) -> str | None:
    kind = type(model).__name__
    if not isinstance(model, keras.Model):
        return kind
    # Far larger than pixels, so that logits leave the range from 0 to 1.
    probes = np.random.default_rng(0).normal(scale=30, size=(PROBES, *DATASET.image_shape)).astype(np.float32)
    try:
        model(keras.Input(DATASET.image_shape))
        outputs = model(probes, training=False)
    except Exception as error:  # noqa: BLE001 - whatever a model of one's own raises
        return f"{kind} that fails: {_first_line(error)}"
    if not keras.ops.is_tensor(outputs):
        return f"{kind} with {type(outputs).__name__} as its output"
    dtype = keras.backend.standardize_dtype(outputs.dtype)
    values = keras.ops.convert_to_numpy(outputs)
    activation = _activation(values)
    if (outputs.shape, dtype, activation) == ((PROBES, DATASET.num_classes), "float32", "linear"):
        return None
    shape = ", ".join(["batch", *map(str, outputs.shape[1:])])
    return f"{kind} with an output of {dtype} [{shape}], activation {activation}"


def _first_line(error: Exception) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
    return next((line for line in lines if line and not line.startswith("Exception encountered")), repr(error))


def _activation(values: np.ndarray) -> str:
    """What the outputs look like: the last layer of a model of one's own cannot be told from outside."""
    if not (values.min() >= 0 and 0 < values.max() <= 1):
        return "linear"
    return "softmax" if np.allclose(values.sum(axis=-1), 1, atol=0.01) else "sigmoid"
