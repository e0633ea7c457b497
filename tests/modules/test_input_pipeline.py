"""How examples reach the model."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from modules import input_pipeline
from modules.input_pipeline import ALL, EpochShuffle, ExamplesError, Part, shared
from modules.input_pipeline import input_fn as training_dataset
from tests.small_run import Run
from tfx_pipeline.components.example_gen import serialize
from tfx_pipeline.data import idx, sources


@pytest.fixture(scope="module")
def transform(first_run: Run) -> tft.TFTransformOutput:
    return tft.TFTransformOutput(str(first_run.artifact("transform", "transform_graph")))


@pytest.fixture(scope="module")
def files(first_run: Run) -> list[str]:
    return [str(first_run.artifact("example-gen", "examples") / "Split-train" / "*")]


def test_unshuffled_examples_come_in_the_order_of_the_data(
    files: list[str], transform: tft.TFTransformOutput, dataset: sources.VerifiedFiles
) -> None:
    batches = list(training_dataset(files, transform, batch_size=300))
    assert [len(labels) for _, labels in batches] == [300, 300, 300, 100]
    labels = np.concatenate([labels for _, labels in batches])
    np.testing.assert_array_equal(labels, idx.read_labels(f"{dataset.path}/train-labels-idx1-ubyte", 0, 1000))
    pixels = np.concatenate([pixels for pixels, _ in batches])
    images = idx.read_images(f"{dataset.path}/train-images-idx3-ubyte", 0, 1000)
    np.testing.assert_allclose(pixels, images / 255.0, atol=1e-7)


def test_the_shuffle_follows_from_seed_and_epoch_alone(files: list[str], transform: tft.TFTransformOutput) -> None:
    def order(shuffle: EpochShuffle, batches: tf.data.Dataset, epoch: int) -> list[int]:
        shuffle.on_epoch_begin(epoch)
        return next(iter(batches))[1].numpy().tolist()

    shuffles = [EpochShuffle(seed) for seed in (1, 1, 2)]
    datasets = [training_dataset(files, transform, 1000, shuffle.seed) for shuffle in shuffles]
    one, resumed, other = zip(shuffles, datasets, strict=True)
    first, second = (order(*one, epoch) for epoch in (0, 1))
    assert second != first
    assert sorted(first) == sorted(second)
    assert order(*resumed, 1) == second
    assert order(*other, 0) != first


def test_data_too_large_to_be_cached_is_streamed_once_an_epoch_in_an_order_of_its_own(
    files: list[str], transform: tft.TFTransformOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    def epoch_of(batches: tf.data.Dataset, shuffle: EpochShuffle, epoch: int) -> np.ndarray:
        shuffle.on_epoch_begin(epoch)
        return np.concatenate([pixels for pixels, _ in batches])

    in_order = np.concatenate([pixels for pixels, _ in training_dataset(files, transform, 300)])
    monkeypatch.setattr(input_pipeline, "CACHED_BYTES", 0)
    one, resumed = EpochShuffle(1), EpochShuffle(1)
    streams = [training_dataset(files, transform, 300, shuffle.seed) for shuffle in (one, resumed)]
    first, second = (epoch_of(streams[0], one, epoch) for epoch in (0, 1))
    assert not np.array_equal(first, in_order)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(epoch_of(streams[1], resumed, 1), second)
    for shuffled in (first, second):
        assert sorted(image.tobytes() for image in shuffled) == sorted(image.tobytes() for image in in_order)
    unshuffled = np.concatenate([pixels for pixels, _ in training_dataset(files, transform, 300)])
    np.testing.assert_array_equal(unshuffled, in_order)


def images_of(files: list[str], transform: tft.TFTransformOutput, part: Part, seed: int | None = None) -> list[bytes]:
    """The images of a part in the order in which they come, for one epoch with the seed."""
    shuffle = seed and EpochShuffle(seed).seed
    batches = training_dataset(files, transform, 300, shuffle, num_examples=1000, part=part)
    return [image.tobytes() for pixels, _ in batches for image in pixels.numpy()]


@pytest.mark.parametrize("cached_bytes", [0, 2**20])
def test_what_is_held_back_is_never_fitted_whatever_the_order_and_the_files(
    files: list[str],
    transform: tft.TFTransformOutput,
    tmp_path: Path,
    cached_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(input_pipeline, "CACHED_BYTES", cached_bytes)
    everything = images_of(files, transform, ALL)
    fitted, held_back = (images_of(files, transform, part) for part in (Part.fitted(0.2), Part.held_back(0.2)))
    assert 150 < len(held_back) < 250
    assert sorted(fitted + held_back) == sorted(everything)
    assert set(fitted).isdisjoint(held_back)
    shuffled = images_of(files, transform, Part.fitted(0.2), seed=7)
    assert shuffled != fitted
    assert sorted(shuffled) == sorted(fitted)
    records = list(tf.data.TFRecordDataset(tf.io.gfile.glob(files[0]), "GZIP").as_numpy_iterator())
    for shard in range(3):
        with tf.io.TFRecordWriter(f"{tmp_path}/{shard}.gz", "GZIP") as writer:
            for record in records[::-1][shard::3]:
                writer.write(record)
    assert sorted(images_of([f"{tmp_path}/*.gz"], transform, Part.held_back(0.2))) == sorted(held_back)
    assert set(images_of(files, transform, Part.held_back(0.1))) < set(held_back)


def test_an_image_under_two_labels_is_on_one_side(transform: tft.TFTransformOutput, tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(f"{tmp_path}/data.gz", "GZIP") as writer:
        for grey in range(100):
            for label in (1, 2):
                writer.write(serialize(bytes([grey]) * 784, label))
    labels = [
        np.concatenate([labels for _, labels in training_dataset([f"{tmp_path}/*"], transform, 50, part=part)])
        for part in (Part.fitted(0.5), Part.held_back(0.5))
    ]
    for side in labels:
        np.testing.assert_array_equal(side, [1, 2] * (len(side) // 2))
    assert sum(map(len, labels)) == 200


@pytest.mark.parametrize("part", [Part.fitted(0.2), Part.held_back(0.2)])
@pytest.mark.parametrize("cached_bytes", [0, 2**20])
def test_a_part_counts_the_examples_of_all_files(
    files: list[str],
    transform: tft.TFTransformOutput,
    part: Part,
    cached_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(input_pipeline, "CACHED_BYTES", cached_bytes)
    for shuffle in (None, EpochShuffle(1).seed):
        with pytest.raises(tf.errors.FailedPreconditionError):
            list(training_dataset(files, transform, 300, shuffle, num_examples=999, part=part))


@pytest.mark.parametrize(
    ("part", "words"),
    [(Part.held_back(1e-9), "validation_fraction 1e-09: none of .* is held back"), (Part(1 - 1e-9), "is left to fit")],
)
def test_a_part_without_examples_is_refused(
    files: list[str], transform: tft.TFTransformOutput, part: Part, words: str
) -> None:
    with pytest.raises(ExamplesError, match=words):
        training_dataset(files, transform, 300, part=part)


@pytest.mark.parametrize("replicas", [2, 3, 4])
@pytest.mark.parametrize("count", [1, 3, 20, 21, 22, 23])
def test_parts_for_replicas_are_of_one_size_and_each_example_of_a_batch_counts_alike(count: int, replicas: int) -> None:
    batches = tf.data.Dataset.range(count).map(lambda number: (tf.stack([number, -number]), number)).batch(10)
    parts = iter(shared(batches, replicas))
    for _, numbers in batches:
        step = [next(parts) for _ in range(replicas)]
        assert len({len(labels) for _, labels, _ in step}) == 1
        share = np.zeros(count)
        for pixels, labels, weights in step:
            np.testing.assert_array_equal(pixels, np.stack([labels, -labels], axis=1))
            assert weights.dtype == tf.float32
            np.add.at(share, labels, weights / (len(labels) * replicas))
        np.testing.assert_allclose(share[numbers], 1 / len(numbers), rtol=1e-6)
        assert share.sum() == pytest.approx(1)
    assert next(parts, None) is None
