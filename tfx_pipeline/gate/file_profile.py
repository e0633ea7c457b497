"""Reads the examples of one file in batches and profiles them."""

import hashlib
from collections import defaultdict
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modules.features import IMAGE_KEY, LABEL_KEY
from tfx_pipeline.data.records import record_batches
from tfx_pipeline.gate.profile import IMAGE_BYTES, SplitProfile

DIGEST_BYTES: Final = 16
"""Bytes of an image's digest: among 10**9 images, two that differ have the same with a probability below 10**-20."""

BUCKETS: Final = 64
"""Parts into which the digests are divided, so that one worker need not hold all of them."""


class FileProfile(NamedTuple):
    """What a file holds.

    Attributes:
        profile: Its counts and sums.
        digests: The digests of its images, one after the other, by bucket.
    """

    profile: SplitProfile
    digests: dict[int, bytes]


def profile_file(path: str) -> FileProfile:
    """Profiles a file.

    Args:
        path: TFRecord file of tf.Examples, gzipped where its name ends in .gz; any file system that TensorFlow reads.

    Returns:
        What it holds.

    Raises:
        tensorflow.errors.DataLossError: The file is damaged.
    """
    profile = SplitProfile()
    digests: defaultdict[int, bytearray] = defaultdict(bytearray)
    for batch in record_batches(path):
        for image in _add_batch(profile, batch, batch.num_rows):
            digest = hashlib.blake2b(image, digest_size=DIGEST_BYTES).digest()
            digests[digest[0] % BUCKETS] += digest
    return FileProfile(profile, {bucket: bytes(content) for bucket, content in digests.items()})


def _add_batch(profile: SplitProfile, batch: pa.RecordBatch, count: int) -> list[bytes]:
    """Adds a batch to the profile and returns its images of the right size."""
    images, with_image = _single_values(batch, IMAGE_KEY, pa.large_binary(), count)
    labels, with_label = _single_values(batch, LABEL_KEY, pa.int64(), count)
    profile.examples += count
    profile.missing_images += int(count - with_image.sum())
    profile.missing_labels += int(count - with_label.sum())
    label_of = np.full(count, -1, np.int64)
    label_of[with_label] = labels.to_numpy(zero_copy_only=False)
    profile.add_labels(label_of[with_label])

    sizes = pc.binary_length(images).to_numpy(zero_copy_only=False)
    right = sizes == IMAGE_BYTES
    profile.add_wrong_sizes(sizes[~right])
    valid: list[bytes] = images.filter(pa.array(right)).to_pylist()
    pixels = np.frombuffer(b"".join(valid), np.uint8).reshape(-1, IMAGE_BYTES)
    profile.add_images(pixels, label_of[with_image][right])
    return valid


def _single_values(
    batch: pa.RecordBatch, name: str, kind: pa.DataType, count: int
) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The values of the examples that have exactly one of a feature, and which examples those are."""
    column = batch.column(name) if name in batch.schema.names else None
    if column is None or pa.types.is_null(column.type) or column.type.value_type != kind:
        return pa.array([], kind), np.zeros(count, np.bool_)
    single = pc.fill_null(pc.equal(pc.list_value_length(column), 1), fill_value=False)
    return column.filter(single).flatten(), single.to_numpy(zero_copy_only=False)
