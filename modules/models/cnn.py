"""A small residual network that sees images either way round where the data set says that they are alike."""

import keras
import tensorflow as tf
from keras import layers, ops, random

from modules.dataset import DATASET
from modules.features import PIXELS_KEY

DEFAULTS = {"epochs": 14, "batch_size": 128, "learning_rate": 0.002, "label_smoothing": 0.1, "precision": "fastest"}
IMAGE_SHAPE = (*DATASET.image_shape[:2], DATASET.channels)
FARTHEST = 1
"""Pixels by which an image is moved at most."""


def build() -> keras.Model:
    """Seven 3x3 convolutions, three of them residual (He et al., 2016), with up to 256 filters.

    Each is normalised over the batch (Ioffe and Szegedy, 2015). What a residual one adds is weighted by channel
    (squeeze and excitation: Hu et al., 2018), and dropout (Srivastava et al., 2014) stands before the last layer. The
    model is from float32 [batch, *image_shape] to logits, float32 [batch, classes].
    """
    pixels = keras.Input(DATASET.image_shape, name=PIXELS_KEY)
    images = layers.Reshape(IMAGE_SHAPE)(pixels)
    return keras.Model(pixels, MovedAtRandom(_network())(images), name="cnn")


def _network() -> keras.Model:
    images = keras.Input(IMAGE_SHAPE)
    # Pooled before it is normalised: that costs a quarter then, which a CPU feels at this size.
    x = _normalised(layers.MaxPooling2D()(_convolution(images, 32)))
    x = layers.MaxPooling2D()(_residual(x, 64))
    x = layers.MaxPooling2D()(_residual(x, 128))
    x = layers.Dropout(0.3)(layers.Flatten()(_residual(x, 256)))
    return keras.Model(images, layers.Dense(DATASET.num_classes, name="logits", dtype="float32")(x), name="network")


def _residual(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = _normalised(_convolution(x, filters))
    return layers.Add()([x, _weighted_by_channel(_normalised(_convolution(x, filters)))])


def _convolution(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(FusedBatchNormalization(momentum=0.9)(x))


def _weighted_by_channel(x: keras.KerasTensor) -> keras.KerasTensor:
    channels = x.shape[-1]
    squeezed = layers.Dense(channels // 8, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, layers.Dense(channels, activation="sigmoid")(squeezed)])


class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' layer with TensorFlow's kernel, which reads a batch once and takes it in the precision that it has."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Normalises float [batch, height, width, channels]; in training, by the batch itself."""
        moving = () if training else (self.moving_mean.value, self.moving_variance.value)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma.value, self.beta.value, *moving, epsilon=self.epsilon, is_training=training
        )
        if training:
            for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average.assign(average * self.momentum + value * (1 - self.momentum))
        return outputs


class MovedAtRandom(layers.Layer):
    """Trains a network on images that it moves, and mirrors where the data set's mirror images have the same class.

    There, it answers with the mean for an image and its mirror image.
    """

    def __init__(self, network: keras.Model) -> None:
        """Wraps a network from float [batch, height, width, channels] to logits, float32 [batch, classes]."""
        super().__init__()
        self._network = network
        self._seed = random.SeedGenerator()

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The logits."""
        if training:
            return self._network(self._moved(images), training=True)
        if not DATASET.mirrored_alike:
            return self._network(images, training=False)
        mirrored = ops.flip(images, axis=2)
        return (self._network(images, training=False) + self._network(mirrored, training=False)) / 2

    def _moved(self, images: tf.Tensor) -> tf.Tensor:
        """Moves each image by up to ``FARTHEST`` pixels along both axes, repeating its border; mirrors half."""
        rows, columns = self._indices(images, axis=1), self._indices(images, axis=2)
        if DATASET.mirrored_alike:
            mirrored = random.randint((ops.shape(images)[0], 1), 0, 2, seed=self._seed) == 1
            columns = ops.where(mirrored, images.shape[2] - 1 - columns, columns)
        return tf.gather(tf.gather(images, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)

    def _indices(self, images: tf.Tensor, axis: int) -> tf.Tensor:
        """Where each moved image has its pixels from, int32 [batch, pixels along the axis]."""
        offsets = random.randint((ops.shape(images)[0], 1), -FARTHEST, FARTHEST + 1, seed=self._seed)
        return ops.clip(ops.arange(images.shape[axis]) + offsets, 0, images.shape[axis] - 1)
