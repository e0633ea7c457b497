"""What TFX imports by name in tests: it loads such a module anew, and with modules.trainer its errors."""

import tensorflow as tf
import tensorflow_transform as tft

from modules.features import LABEL_KEY, PIXELS_KEY
from modules.preprocessing import preprocessing_fn
from modules.trainer import run_fn

__all__ = ["centred", "run_fn"]


def centred(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A preprocessing_fn with an analyzer."""
    outputs = preprocessing_fn(inputs)
    return {PIXELS_KEY: outputs[PIXELS_KEY] - tft.mean(outputs[PIXELS_KEY]), LABEL_KEY: outputs[LABEL_KEY]}
