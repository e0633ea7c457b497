"""Streams raw tf.Examples into a model through the transform graph."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY, PIXELS_KEY

SHUFFLE_BUFFER = 65_536
"""Examples that a shuffle draws from where they are in memory anyway: all of Fashion-MNIST."""

STREAM_BUFFER = 16_384
"""The same for data that is streamed; TensorFlow's memory grows by its size with each epoch until the training ends."""

STREAM_FILES = 8
"""Files that are read in turns then, in an order of its own for each epoch."""

BLOCK = 2_048
"""Examples that are parsed and transformed at once: what a call costs beside the work is paid once for many batches."""

BLOCKS_AHEAD = 4
"""Blocks that are transformed while the training is at work on another."""

BATCHES_AHEAD = 8

CACHED_BYTES = 64 * 2**20
"""Size of the files up to which examples stay in memory from epoch to epoch; larger ones are read again, so that
memory does not grow with the data."""


HASHES = 2**30
"""Hashes of images that a part of the examples is measured in."""


class Part(NamedTuple):
    """The examples whose images hash to a number from ``start`` up to ``end``, as fractions of all numbers.

    Which part an image is in follows from its bytes alone: not from its label, file, shard or order, nor from a seed.
    So images that are alike are never on both sides, and a training that is resumed finds the parts it had.
    """

    start: float = 0.0
    end: float = 1.0

    @classmethod
    def held_back(cls, fraction: float) -> Self:
        """The part to judge a training by that it is not fitted to."""
        return cls(0.0, fraction)

    @classmethod
    def fitted(cls, held_back: float) -> Self:
        """All but the part that is held back."""
        return cls(held_back, 1.0)


ALL = Part()


class EpochShuffle(keras.callbacks.Callback):
    """Gives each epoch a shuffle that follows from the training's seed and the epoch's number alone.

    A training that is resumed so sees the order of one that was never interrupted. Its ``seed``, int64, is that of the
    epoch that begins, for ``input_fn``.
    """

    def __init__(self, seed: int) -> None:
        """Begins with the first epoch of a training whose seed is below 2^31."""
        super().__init__()
        self._first = seed << 32
        self.seed = tf.Variable(self._first, dtype=tf.int64, trainable=False)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 - Keras' form
        """Sets the seed of an epoch, counted from 0."""
        self.seed.assign(self._first + epoch)


class ExamplesError(ValueError):
    """Files hold other examples than they should."""


def input_fn(
    files: Sequence[str],
    transform: tft.TFTransformOutput,
    batch_size: int,
    shuffle_seed: tf.Variable | None = None,
    num_examples: int | None = None,
    part: Part = ALL,
) -> tf.data.Dataset:
    """Reads, parses and transforms examples block by block.

    Args:
        files: Patterns of gzipped TFRecord files of tf.Examples.
        transform: Transform's output, whose graph is applied to each block.
        batch_size: Examples a batch; the last may have fewer.
        shuffle_seed: int64, read whenever an epoch begins, whose order follows from it; None keeps the files' order.
        num_examples: How many there must be in the files; None where that is not known.
        part: Which of them to give.

    Returns:
        Batches of ``pixels``, float32 [batch, *image_shape], and labels, int64 [batch]. Whoever reads them to their end
        gets a ``FailedPreconditionError`` where there are not ``num_examples`` in the files.

    Raises:
        ExamplesError: There are none, or none in this part.
    """
    names = _names(files)
    in_order = _of(part, _counted(_read(names), num_examples))
    if not _any(_read(names)):
        raise ExamplesError(f"{', '.join(files)}: hold no examples; run again with --no-cache")
    if part != ALL and not _any(_of(part, _read(names))):
        held_back, kind = (part.start, "left to fit") if part.start else (part.end, "held back")
        raise ExamplesError(
            f"validation_fraction {held_back:g}: none of the examples of {', '.join(files)} is {kind}; give more "
            "data or another fraction"
        )
    fits = sum(tf.io.gfile.stat(name).length for name in names) <= CACHED_BYTES
    records = in_order.cache() if fits else in_order
    raw_spec = transform.raw_feature_spec()
    transform_layer = transform.transform_features_layer()

    @tf.autograph.experimental.do_not_convert
    def to_training_pair(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = transform_layer(tf.io.parse_example(serialized, raw_spec))
        return features[PIXELS_KEY], features[LABEL_KEY]

    @tf.autograph.experimental.do_not_convert
    def blocks_of_epoch(_: tf.Tensor) -> tf.data.Dataset:
        if shuffle_seed is None:
            shuffled = records
        elif fits:
            shuffled = records.shuffle(SHUFFLE_BUFFER, seed=shuffle_seed, reshuffle_each_iteration=False)
        else:
            shuffled = _streamed(names, shuffle_seed, num_examples, part)
        return shuffled.batch(max(BLOCK, batch_size))

    # A function is called when an epoch begins, and so sees the seed of this epoch.
    blocks = tf.data.Dataset.from_tensors(0).flat_map(blocks_of_epoch)
    pairs = blocks.map(to_training_pair, num_parallel_calls=BLOCKS_AHEAD)
    options = tf.data.Options()
    # A tuner finds no better numbers, and whoever frees an iterator waits up to half a second for its thread.
    options.autotune.enabled = False
    return pairs.rebatch(batch_size).prefetch(BATCHES_AHEAD).with_options(options)


def shared(batches: tf.data.Dataset, replicas: int) -> tf.data.Dataset:
    """Cuts each batch into a part for each replica, of one size: where it does not divide, its first are repeated.

    A replica without examples would have no mean, and bring NaN into the weights of all.

    Returns:
        Parts, in turns for each replica, of the batches' tensors and of weights, float32 [part], by which each example
        of a batch counts alike in the mean over its parts.
    """

    def parts(*batch: tf.Tensor) -> tuple[tf.Tensor, ...]:
        size = tf.shape(batch[0])[0]
        indices = tf.range(-(-size // replicas) * replicas) % size
        weights = tf.size(indices) / (size * tf.gather(tf.math.bincount(indices), indices))
        tensors = *(tf.gather(tensor, indices) for tensor in batch), tf.cast(weights, tf.float32)
        return tuple(tf.reshape(tensor, (replicas, -1, *tensor.shape[1:])) for tensor in tensors)

    return batches.map(parts).unbatch()


def label_counts(files: Sequence[str]) -> np.ndarray:
    """How many examples of each class files hold, int64 [classes]."""
    spec = {LABEL_KEY: tf.io.FixedLenFeature([], tf.int64)}
    counts = np.zeros(DATASET.num_classes, np.int64)
    for serialized in _read(_names(files)).batch(BLOCK):
        labels = tf.io.parse_example(serialized, spec)[LABEL_KEY].numpy()
        counts += np.bincount(labels, minlength=DATASET.num_classes)
    return counts


def require_all(files: Sequence[str], num_examples: int | None) -> None:
    """Raises an ``ExamplesError`` where files hold another number of examples; reads them once more to tell."""
    count = sum(1 for _ in _read(_names(files)))
    if num_examples not in (None, count):
        raise ExamplesError(
            f"trainer: read {count:,} examples of {', '.join(files)}, and {num_examples:,} were written there; "
            "run again with --no-cache"
        )


def _names(files: Sequence[str]) -> list[str]:
    return sorted(name for pattern in files for name in tf.io.gfile.glob(pattern))


def _read(names: Sequence[str] | tf.Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(tf.convert_to_tensor(names, tf.string), compression_type="GZIP")


def _any(records: tf.data.Dataset) -> bool:
    return any(True for _ in records.take(1))


def _of(part: Part, records: tf.data.Dataset) -> tf.data.Dataset:
    """Leaves out the examples of other parts, a block at a time."""
    if part == ALL:
        return records
    start, end = (round(bound * HASHES) for bound in part)

    @tf.autograph.experimental.do_not_convert
    def chosen(serialized: tf.Tensor) -> tf.Tensor:
        images = tf.io.parse_example(serialized, {IMAGE_KEY: tf.io.FixedLenFeature([], tf.string)})[IMAGE_KEY]
        hashes = tf.strings.to_hash_bucket_fast(images, HASHES)
        return tf.boolean_mask(serialized, (hashes >= start) & (hashes < end))

    return records.batch(BLOCK).map(chosen).unbatch()


def _counted(records: tf.data.Dataset, num_examples: int | None) -> tf.data.Dataset:
    return records if num_examples is None else records.apply(tf.data.experimental.assert_cardinality(num_examples))


def _streamed(names: Sequence[str], seed: tf.Variable, num_examples: int | None, part: Part) -> tf.data.Dataset:
    """Mixes examples that do not fit into memory: the files' order, several files at once, and a window over them."""
    files = tf.data.Dataset.from_tensor_slices(names).shuffle(len(names), seed=seed, reshuffle_each_iteration=False)
    records = files.interleave(_read, cycle_length=STREAM_FILES, num_parallel_calls=1, deterministic=True)
    return _of(part, _counted(records, num_examples)).shuffle(STREAM_BUFFER, seed=seed, reshuffle_each_iteration=False)
