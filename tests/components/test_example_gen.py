"""example-gen: IDX files become tf.Examples."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import Split
from tests.small_run import Run
from tfx_pipeline.components import example_gen
from tfx_pipeline.data import idx, sources


def read(pattern: Path) -> list[tf.train.Example]:
    """Reads every example of the files, in the order of their names."""
    files = sorted(str(path) for path in pattern.parent.glob(pattern.name))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return [tf.train.Example.FromString(record) for record in records.as_numpy_iterator()]


def test_examples_hold_the_images_bytes_and_the_label_in_the_order_of_the_data(
    first_run: Run, dataset: sources.VerifiedFiles
) -> None:
    examples = read(first_run.artifact("example-gen", "examples") / "Split-eval" / "*")
    images = idx.read_images(f"{dataset.path}/t10k-images-idx3-ubyte", 0, 1000)
    labels = idx.read_labels(f"{dataset.path}/t10k-labels-idx1-ubyte", 0, 1000)
    assert [e.features.feature["image"].bytes_list.value[0] for e in examples] == [i.tobytes() for i in images]
    assert [e.features.feature["label"].int64_list.value[0] for e in examples] == labels.tolist()


def test_shards_cover_a_split_once_and_hold_at_most_their_size(dataset: sources.VerifiedFiles) -> None:
    shards = example_gen.plan_shards(dataset, "train", limit=0, output_dir="/out")
    assert [shard.start for shard in shards] == [0, 10_000, 20_000, 30_000, 40_000, 50_000]
    assert {shard.count for shard in shards} == {example_gen.SHARD_SIZE}
    assert shards[-1].output == "/out/data_tfrecord-00005-of-00006.gz"


@pytest.mark.parametrize(("limit", "counts"), [(1, [1]), (10_001, [10_000, 1]), (99_999, [10_000] * 6)])
def test_a_limit_takes_the_first_examples(dataset: sources.VerifiedFiles, limit: int, counts: list[int]) -> None:
    shards = example_gen.plan_shards(dataset, "train", limit, "/out")
    assert [shard.count for shard in shards] == counts


def test_a_shard_is_the_same_file_every_time(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    files = sources.SPLIT_FILES["eval"]
    contents = []
    for name in ("one.gz", "two.gz"):
        shard = example_gen.Shard(
            f"{dataset.path}/{files.images}", f"{dataset.path}/{files.labels}", 100, 50, str(tmp_path / name)
        )
        assert example_gen.write_shard(shard) == 50
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_only_the_shards_own_range_is_read(idx_folder: Callable[..., Path]) -> None:
    folder = idx_folder(train=30)
    shard = example_gen.Shard(
        str(folder / "train-images-idx3-ubyte"), str(folder / "train-labels-idx1-ubyte"), 10, 5, ""
    )
    labels = [
        tf.train.Example.FromString(example).features.feature["label"].int64_list.value[0]
        for example in example_gen.read_examples(shard)
    ]
    np.testing.assert_array_equal(labels, idx.read_labels(shard.labels, 10, 5))


@pytest.mark.parametrize("fill", [0, 1, 255])
def test_examples_are_what_protobuf_makes_of_them_for_every_label_and_image(
    idx_folder: Callable[..., Path], fill: int
) -> None:
    def every_label(splits: dict[str, Split]) -> None:
        splits["train"].labels = np.arange(256, dtype=np.uint8)
        splits["train"].images[::2] = fill

    folder = idx_folder(train=256, alter=every_label)
    files = sources.SPLIT_FILES["train"]
    shard = example_gen.Shard(str(folder / files.images), str(folder / files.labels), 0, 256, "")
    images = idx.read_images(shard.images, 0, 256)
    expected = [example_gen.serialize(image.tobytes(), label) for label, image in enumerate(images)]
    assert list(example_gen.read_examples(shard)) == expected


def test_shards_are_gzip_files_of_a_known_size(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = idx_folder(train=200)
    files = sources.SPLIT_FILES["train"]
    output = tmp_path / "shard.gz"
    example_gen.write_shard(
        example_gen.Shard(str(folder / files.images), str(folder / files.labels), 0, 200, str(output))
    )
    with gzip.open(output) as file:
        records = len(file.read())
    assert records < output.stat().st_size < 1.01 * records
