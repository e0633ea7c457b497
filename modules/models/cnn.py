"""A small convolutional network."""

import keras
from keras import layers

from modules.features import IMAGE_SHAPE, NUM_CLASSES, PIXELS_KEY


def build() -> keras.Model:
    """Three blocks of 3x3 convolutions, from float32 [batch, 28, 28] to logits, float32 [batch, 10].

    Each convolution is normalised over the batch (Ioffe and Szegedy, 2015); dropout grows towards the output.
    """
    pixels = keras.Input(IMAGE_SHAPE, name=PIXELS_KEY)
    x = layers.Reshape((*IMAGE_SHAPE, 1))(pixels)
    for filters, convolutions, dropout in ((32, 1, 0.1), (64, 2, 0.2), (128, 1, 0.3)):
        for _ in range(convolutions):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(dropout)(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    x = layers.Dropout(0.3)(x)
    return keras.Model(pixels, layers.Dense(NUM_CLASSES, name="logits", dtype="float32")(x), name="cnn")
