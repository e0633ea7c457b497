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
from tfx_pipeline.gate.likeness import Likeness
from tfx_pipeline.gate.near_duplicates import SIGNATURE, signatures
from tfx_pipeline.gate.profile import IMAGE_BYTES, NO_CLASS, SplitProfile

DIGEST_BYTES: Final = 16
"""Bytes of an image's digest: among 10**9 images, two that differ have the same with a probability below 10**-20."""

LABEL_BYTES: Final = 2
RECORD_BYTES: Final = DIGEST_BYTES + LABEL_BYTES
"""Bytes that are kept of an image: its digest and its label, ``NO_CLASS`` where that is none of the classes."""

BLANK: Final = b"\xff\xff"
"""What stands in the place of a blank image's label: all of one colour are alike, whatever they are of."""

BUCKETS: Final = 64
"""Parts into which the records are divided, so that one worker need not hold all of them."""


class FileProfile(NamedTuple):
    """What a file holds.

    Attributes:
        profile: Its counts and sums.
        records: Digest and label of its images, one after the other, by the digest's bucket.
        rows: Which of its examples have a signature, int64 [n]: those with an image that is not blank.
        signatures: What tells images that are nearly the same, float16 [n, SIGNATURE].
    """

    profile: SplitProfile
    records: dict[int, bytes]
    rows: NDArray[np.int64]
    signatures: NDArray[np.float16]


def profile_file(path: str, likeness: Likeness | None = None) -> FileProfile:
    """Profiles a file.

    Args:
        path: TFRecord file of tf.Examples, gzipped where its name ends in .gz; any file system that TensorFlow reads.
        likeness: How like each class an image is; None where it is not known what each class looks like.

    Returns:
        What it holds.

    Raises:
        tensorflow.errors.DataLossError: The file is damaged.
    """
    profile = SplitProfile()
    records: defaultdict[int, bytearray] = defaultdict(bytearray)
    rows, values = [np.zeros(0, np.int64)], [np.zeros((0, SIGNATURE), np.float16)]
    for batch in record_batches(path):
        start = profile.examples
        added = _add_batch(profile, batch, batch.num_rows, likeness)
        for image, label in zip(added.images, added.labels, strict=True):
            digest = hashlib.blake2b(image, digest_size=DIGEST_BYTES).digest()
            records[digest[0] % BUCKETS] += digest + label
        rows.append(start + added.rows)
        values.append(added.signatures)
    buckets = {bucket: bytes(content) for bucket, content in records.items()}
    return FileProfile(profile, buckets, np.concatenate(rows), np.concatenate(values))


class _Added(NamedTuple):
    """What is kept of a batch: its images of the right size with their labels, and signatures with their rows."""

    images: list[bytes]
    labels: list[bytes]
    rows: NDArray[np.int64]
    signatures: NDArray[np.float16]


def _add_batch(profile: SplitProfile, batch: pa.RecordBatch, count: int, likeness: Likeness | None) -> _Added:
    """Adds a batch to the profile."""
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
    of_valid = label_of[with_image][right]
    pixels = np.frombuffer(b"".join(valid), np.uint8).reshape(-1, IMAGE_BYTES)
    blank = profile.add_images(pixels, of_valid, likeness)
    codes = np.where((of_valid >= 0) & (of_valid < NO_CLASS), of_valid, NO_CLASS).astype(">u2")
    codes[blank] = int.from_bytes(BLANK)
    rows = np.flatnonzero(with_image)[right][~blank]
    return _Added(valid, codes.view("V2").tolist(), rows, signatures(pixels[~blank]))


def _single_values(
    batch: pa.RecordBatch, name: str, kind: pa.DataType, count: int
) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The values of the examples that have exactly one of a feature, and which examples those are."""
    column = batch.column(name) if name in batch.schema.names else None
    if column is None or pa.types.is_null(column.type) or column.type.value_type != kind:
        return pa.array([], kind), np.zeros(count, np.bool_)
    single = pc.fill_null(pc.equal(pc.list_value_length(column), 1), fill_value=False)
    return column.filter(single).flatten(), single.to_numpy(zero_copy_only=False)
