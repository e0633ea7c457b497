"""Files of tf.Examples are read in order, batch by batch, and damage is noticed."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf

from modules.features import LABEL_KEY
from tests.gate.samples import write_examples
from tfx_pipeline.data.idx import BATCH_SIZE
from tfx_pipeline.data.records import record_batches


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """2,500 examples with their numbers as labels."""
    file = tmp_path / "examples.gz"
    write_examples(file, [(bytes(784), number) for number in range(2_500)])
    return file


def labels(batches: list[pa.RecordBatch]) -> list[int]:
    """The labels of all examples."""
    return [label for batch in batches for (label,) in batch.column(LABEL_KEY).to_pylist()]


def test_examples_come_in_the_files_order_and_no_more_than_a_batch_at_once(path: Path) -> None:
    batches = list(record_batches(str(path)))
    assert [batch.num_rows for batch in batches] == [BATCH_SIZE, BATCH_SIZE, 500]
    assert labels(batches) == list(range(2_500))


def test_a_file_that_is_not_compressed_is_read_too(path: Path) -> None:
    plain = path.with_suffix(".tfrecord")
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    assert labels(list(record_batches(str(plain)))) == list(range(2_500))


def test_a_file_that_ends_too_early_is_an_error(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(tf.errors.DataLossError):
        list(record_batches(str(path)))
