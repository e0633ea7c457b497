"""The tutorial's model: one hidden layer."""

import keras
from keras import layers

from modules.features import IMAGE_SHAPE, NUM_CLASSES, PIXELS_KEY


def build() -> keras.Model:
    """A network of 128 hidden units, from float32 [batch, 28, 28] to logits, float32 [batch, 10]."""
    pixels = keras.Input(IMAGE_SHAPE, name=PIXELS_KEY)
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(pixels))
    return keras.Model(pixels, layers.Dense(NUM_CLASSES, name="logits", dtype="float32")(hidden), name="dense")
