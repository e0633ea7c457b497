"""The preprocessing that Transform turns into a graph, applied alike in training and in serving."""

import tensorflow as tf

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY, PIXELS_KEY

MAX_PIXEL = 255.0


def preprocessing_fn(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Normalises the images to 0..1 and passes the labels through.

    Args:
        inputs: ``image``, string of shape [batch, 1], an image each; ``label``, int64 of shape [batch, 1].

    Returns:
        ``pixels``, float32 of shape [batch, *image_shape], from 0 to 1; ``label``, int64 of shape [batch].
    """
    pixels = tf.io.decode_raw(tf.squeeze(inputs[IMAGE_KEY], axis=1), tf.uint8)
    return {
        PIXELS_KEY: tf.cast(tf.reshape(pixels, (-1, *DATASET.image_shape)), tf.float32) / MAX_PIXEL,
        LABEL_KEY: tf.squeeze(inputs[LABEL_KEY], axis=1),
    }
