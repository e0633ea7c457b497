"""A small convolutional network."""

import keras
from keras import layers

from modules.features import IMAGE_SHAPE, NUM_CLASSES, PIXELS_KEY


def build() -> keras.Model:
    """Two blocks of 3x3 convolutions, from float32 [batch, 28, 28] to logits, float32 [batch, 10]."""
    pixels = keras.Input(IMAGE_SHAPE, name=PIXELS_KEY)
    x = layers.Reshape((*IMAGE_SHAPE, 1))(pixels)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(0.25)(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    x = layers.Dropout(0.4)(x)
    return keras.Model(pixels, layers.Dense(NUM_CLASSES, name="logits")(x), name="cnn")
