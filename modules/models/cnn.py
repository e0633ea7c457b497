"""A small residual network, trained with momentum on images that are mirrored at random."""

import keras
from keras import layers

from modules.features import IMAGE_SHAPE, NUM_CLASSES, PIXELS_KEY
from modules.recipe import Recipe

RATE_OF_ADAM = 25
"""Momentum takes steps so many times as long as Adam does."""

RECIPE = Recipe(
    optimizer=lambda rate: keras.optimizers.SGD(RATE_OF_ADAM * rate, momentum=0.9, nesterov=True, weight_decay=5e-4),
    warm_up=0.2,
)
"""Nesterov momentum with weight decay; without a warm-up, the first epochs leave the network worse for good."""


def build() -> keras.Model:
    """Five 3x3 convolutions, two of them residual (He et al., 2016).

    Each is normalised over the batch (Ioffe and Szegedy, 2015).

    Returns:
        A model from float32 [batch, 28, 28] to logits, float32 [batch, 10].
    """
    pixels = keras.Input(IMAGE_SHAPE, name=PIXELS_KEY)
    images = layers.Reshape((*IMAGE_SHAPE, 1))(pixels)
    return keras.Model(pixels, EitherWayRound(_network())(images), name="cnn")


def _network() -> keras.Model:
    images = keras.Input((*IMAGE_SHAPE, 1))
    x = layers.MaxPooling2D()(_convolution(images, 32))
    for filters in (64, 128):
        x = _convolution(x, filters)
        x = layers.MaxPooling2D()(layers.Add()([x, _convolution(x, filters)]))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(images, layers.Dense(NUM_CLASSES, name="logits", dtype="float32")(x), name="network")


def _convolution(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


class EitherWayRound(layers.Layer):
    """Trains a network on images mirrored at random, and answers with the mean for an image and its mirror image."""

    def __init__(self, network: keras.Model) -> None:
        """Wraps a network.

        Args:
            network: From images, float32 [batch, height, width, 1], to logits, float32 [batch, classes].
        """
        super().__init__()
        self._network = network
        self._mirror_at_random = layers.RandomFlip("horizontal")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes what has a state; the network has its own already."""
        self._mirror_at_random.build(input_shape)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """The logits."""
        if training:
            return self._network(self._mirror_at_random(images, training=True), training=True)
        mirrored = keras.ops.flip(images, axis=2)
        return (self._network(images, training=False) + self._network(mirrored, training=False)) / 2
