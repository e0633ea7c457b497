"""Streams raw tf.Examples into a model through the transform graph."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft

from modules.features import LABEL_KEY, PIXELS_KEY

SHUFFLE_BUFFER = 65_536
"""Examples that a shuffle draws from: all of Fashion-MNIST, and a bound for larger data."""


def dataset(
    files: Sequence[str], transform: tft.TFTransformOutput, batch_size: int, shuffle_seed: int | None = None
) -> tf.data.Dataset:
    """Reads, parses and transforms examples batch by batch.

    Args:
        files: Patterns of gzipped TFRecord files of tf.Examples.
        transform: Transform's output, whose graph is applied to each batch.
        batch_size: Examples a batch.
        shuffle_seed: Shuffles anew each epoch, in an order that follows from the seed; None keeps the files' order.

    Returns:
        Batches of ``pixels``, float32 [batch, 28, 28], and labels, int64 [batch].
    """
    names = sorted(name for pattern in files for name in tf.io.gfile.glob(pattern))
    records = tf.data.TFRecordDataset(names, compression_type="GZIP").cache()
    if shuffle_seed is not None:
        records = records.shuffle(SHUFFLE_BUFFER, seed=shuffle_seed, reshuffle_each_iteration=True)
    raw_spec = transform.raw_feature_spec()
    transform_layer = transform.transform_features_layer()

    def to_training_pair(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = transform_layer(tf.io.parse_example(serialized, raw_spec))
        return features[PIXELS_KEY], features[LABEL_KEY]

    batches = records.batch(batch_size)
    return batches.map(to_training_pair, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
