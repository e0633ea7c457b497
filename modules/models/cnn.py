"""A small residual network that sees clothes either way round."""

import keras
from keras import layers

from modules.dataset import DATASET
from modules.features import PIXELS_KEY

DEFAULTS = {"epochs": 13, "batch_size": 64, "learning_rate": 0.001}
IMAGE_SHAPE = (*DATASET.image_shape[:2], DATASET.channels)


def build() -> keras.Model:
    """Seven 3x3 convolutions, three of them residual (He et al., 2016), with up to 256 filters.

    Each is normalised over the batch (Ioffe and Szegedy, 2015). What a residual one adds is weighted by channel
    (squeeze and excitation: Hu et al., 2018), and each block ends with dropout (Srivastava et al., 2014). The model is
    from float32 [batch, *image_shape] to logits, float32 [batch, classes].
    """
    pixels = keras.Input(DATASET.image_shape, name=PIXELS_KEY)
    images = layers.Reshape(IMAGE_SHAPE)(pixels)
    return keras.Model(pixels, FlipInvariant(_network())(images), name="cnn")


def _network() -> keras.Model:
    images = keras.Input(IMAGE_SHAPE)
    x = _convolution(images, 32)
    # Pooled before it is normalised: that costs a quarter then, which a CPU feels at this size.
    x = layers.Dropout(0.1)(_normalised(layers.MaxPooling2D()(x)))
    x = layers.Dropout(0.2)(layers.MaxPooling2D()(_residual(x, 64)))
    x = layers.Dropout(0.3)(layers.MaxPooling2D()(_residual(x, 128)))
    x = layers.Flatten()(layers.Dropout(0.3)(_residual(x, 256)))
    return keras.Model(images, layers.Dense(DATASET.num_classes, name="logits", dtype="float32")(x), name="network")


def _residual(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = _normalised(_convolution(x, filters))
    return layers.Add()([x, _weighted_by_channel(_normalised(_convolution(x, filters)))])


def _convolution(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _weighted_by_channel(x: keras.KerasTensor) -> keras.KerasTensor:
    channels = x.shape[-1]
    squeezed = layers.Dense(channels // 8, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, layers.Dense(channels, activation="sigmoid")(squeezed)])


class FlipInvariant(layers.Layer):
    """Trains a network on images mirrored at random, and answers with the mean for an image and its mirror image."""

    def __init__(self, network: keras.Model) -> None:
        """Wraps a network from float32 [batch, height, width, channels] to logits, float32 [batch, classes]."""
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
