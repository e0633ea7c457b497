"""Judges a model before it trains: what would fail in the midst of a training, or train badly, is said at once."""

import re
from typing import Any

import keras
import numpy as np

from modules import models
from modules.dataset import DATASET

CLASSES = DATASET.num_classes
EXPECTED = (
    f"a keras.Model from float32 [batch, {str(DATASET.image_shape)[1:-1]}] to logits, float32 [batch, {CLASSES}], with "
    'no softmax or sigmoid after them and dtype="float32" in its last layer'
)


class ModelError(ValueError):
    """What ``build`` of a file in ``modules/models`` returned cannot be trained on the data set."""


def build(name: str) -> keras.Model:
    """``models.build``, with the weights of a model that only makes them when it sees its input, or a ModelError."""
    try:
        model = models.build(name)
    except Exception as error:
        if name not in models.names():
            raise
        raise ModelError(f"modules/models/{name}.py: build() failed: {_first_line(error)}") from error
    if problem := _problem(model):
        raise ModelError(f"modules/models/{name}.py: build() returned {problem}; expected {EXPECTED}")
    return model


def _problem(model: Any) -> str | None:
    kind = type(model).__name__
    if not isinstance(model, keras.Model):
        return kind
    # Far larger than pixels, so that logits leave the range from 0 to 1.
    probes = np.random.default_rng(0).normal(scale=30, size=(8, *DATASET.image_shape)).astype(np.float32)
    try:
        model(keras.Input(DATASET.image_shape))
        outputs = model(probes, training=False)
    except Exception as error:  # noqa: BLE001 - whatever a model of one's own raises
        return f"{kind} that fails: {_first_line(error)}"
    if not keras.ops.is_tensor(outputs):
        return f"{kind} with {type(outputs).__name__} as its output"
    if outputs.shape[:1] != probes.shape[:1]:
        return f"{kind} that gives {outputs.shape[0] if outputs.shape else 'no'} answers to {len(probes)} images"
    shape, dtype, activation = outputs.shape[1:], outputs.dtype.name, _activation(keras.ops.convert_to_numpy(outputs))
    if (shape, dtype, activation) == ((CLASSES,), "float32", "linear"):
        return None
    return f"{kind} with an output of {dtype} [{', '.join(map(str, ('batch', *shape)))}], activation {activation}"


def _first_line(error: Exception) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
    return next((line for line in lines if line and not line.startswith("Exception encountered")), repr(error))


def _activation(outputs: np.ndarray) -> str:
    """What the outputs look like: the last layer of a model of one's own cannot be told from outside."""
    if not (outputs.min() >= 0 and 0 < outputs.max() <= 1):
        return "linear"
    return "softmax" if np.allclose(outputs.sum(axis=-1), 1, atol=0.01) else "sigmoid"
