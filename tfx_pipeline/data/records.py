"""Reads files of tf.Examples batch by batch; only one batch is held, however long the file is."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfx_pipeline.data.idx import BATCH_SIZE

READ_BUFFER: Final = 1 << 20  # bytes of the compressed file


def record_batches(path: str) -> Iterator[pa.RecordBatch]:
    """Decodes a file, with the types that its examples have and no others expected of them.

    TensorFlow reads and decompresses ahead on a thread of its own, in batches; Beam's source would hand on each example
    by itself, at ten times the cost.

    Args:
        path: TFRecord file of tf.Examples, gzipped where its name ends in .gz; any file system that TensorFlow reads.

    Yields:
        Up to ``BATCH_SIZE`` examples, in the file's order: a column a feature, a list of values a row.

    Raises:
        tensorflow.errors.DataLossError: The file is damaged.
    """
    compression = "GZIP" if path.endswith(".gz") else None
    options = tf.data.Options()
    # There is nothing to tune in so short a chain, and the tuner's thread is waited for at the end of each file.
    options.autotune.enabled = False
    records = tf.data.TFRecordDataset(path, compression, buffer_size=READ_BUFFER)
    decoder = ExamplesToRecordBatchDecoder()
    for batch in records.batch(BATCH_SIZE).prefetch(1).with_options(options):
        yield decoder.DecodeBatch(batch.numpy().tolist())
