"""The tutorial's model: one hidden layer."""

import keras
from keras import layers

from modules.dataset import DATASET
from modules.features import PIXELS_KEY


def build() -> keras.Model:
    """A network of 128 hidden units, from float32 [batch, *image_shape] to logits, float32 [batch, classes]."""
    pixels = keras.Input(DATASET.image_shape, name=PIXELS_KEY)
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(pixels))
    return keras.Model(pixels, layers.Dense(DATASET.num_classes, name="logits", dtype="float32")(hidden), name="dense")
