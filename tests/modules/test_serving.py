"""The exported model answers raw inputs as the model in training answers transformed ones."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from modules import models
from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY, PIXELS_KEY
from modules.input_pipeline import input_fn as training_dataset
from modules.serving import ServingModel, export
from tests.small_run import Run
from tfx_pipeline.components.example_gen import serialize
from tfx_pipeline.data import idx, sources

COUNT = 500


def reloaded(model: keras.Model, transform: tft.TFTransformOutput, directory: Path) -> tf.Module:
    export(model, transform, str(directory))
    return tf.saved_model.load(directory)


@pytest.fixture(scope="module")
def images(dataset: sources.VerifiedFiles) -> np.ndarray:
    return idx.read_images(f"{dataset.path}/t10k-images-idx3-ubyte", 0, COUNT)


@pytest.fixture(scope="module")
def transform(first_run: Run) -> tft.TFTransformOutput:
    return tft.TFTransformOutput(str(first_run.artifact("transform", "transform_graph")))


@pytest.fixture(scope="module")
def model(images: np.ndarray) -> keras.Model:
    """cnn after a step of Adam, whose state is no part of what is exported."""
    keras.utils.set_random_seed(7)
    model = models.build("cnn")
    model.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images[:10] / 255.0, np.arange(10), verbose=0)
    return model


@pytest.fixture(scope="module")
def exported(
    model: keras.Model, transform: tft.TFTransformOutput, tmp_path_factory: pytest.TempPathFactory
) -> tf.Module:
    return reloaded(model, transform, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def answers(exported: tf.Module, images: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    examples = tf.constant([serialize(image.tobytes(), label=0) for image in images])
    return {
        "serving_default": exported.signatures["serving_default"](examples=examples),
        "serving_images": exported.signatures["serving_images"](images=tf.constant(images)),
    }


@pytest.mark.parametrize("signature", ["serving_default", "serving_images"])
def test_serving_equals_training_to_one_millionth(
    signature: str,
    answers: dict[str, dict[str, np.ndarray]],
    first_run: Run,
    transform: tft.TFTransformOutput,
    model: keras.Model,
) -> None:
    files = [str(first_run.artifact("example-gen", "examples") / "Split-eval" / "*")]
    pixels, _ = next(iter(training_dataset(files, transform, batch_size=COUNT)))
    in_training = model(pixels, training=False).numpy()
    assert in_training.std() > 0.01
    np.testing.assert_allclose(answers[signature]["logits"], in_training, atol=1e-6)


@pytest.mark.parametrize("signature", ["serving_default", "serving_images"])
def test_every_signature_returns_logits_probabilities_classes_and_their_names(
    signature: str, answers: dict[str, dict[str, np.ndarray]]
) -> None:
    answer = {key: np.asarray(value) for key, value in answers[signature].items()}
    assert set(answer) == {"logits", "probabilities", "classes", "class_names"}
    np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(answer["classes"], answer["logits"].argmax(axis=1))
    assert [name.decode() for name in answer["class_names"]] == [
        DATASET.class_names[index] for index in answer["classes"]
    ]


def example(image: np.ndarray) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()]))
    return tf.train.Example(features=tf.train.Features(feature={IMAGE_KEY: feature})).SerializeToString()


@pytest.mark.parametrize("shape", [(28, 28, 3), (56, 56), (224, 224), (14, 28), (20, 20)])
def test_images_of_another_size_are_refused_with_the_size_that_is_expected(
    shape: tuple[int, ...], exported: tf.Module
) -> None:
    """Two of 28x28x3 got six answers from serving_default."""
    images = np.zeros((2, *shape), np.uint8)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected 784 bytes, uint8 \[28, 28\]"):
        exported.signatures["serving_default"](examples=tf.constant([example(image) for image in images]))
    if len(shape) == len(DATASET.image_shape):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected shape \[\?,28,28\]"):
            exported.signatures["serving_images"](images=tf.constant(images))


def test_one_image_of_another_size_among_others_is_refused(exported: tf.Module, images: np.ndarray) -> None:
    examples = [example(images[0]), example(np.zeros((56, 56), np.uint8))]
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected 784 bytes"):
        exported.signatures["serving_default"](examples=tf.constant(examples))


ATTENTION = """
import keras
from keras import layers

def build():
    pixels = keras.Input((28, 28))
    x = layers.LSTM(8, return_sequences=True)(layers.MultiHeadAttention(2, 8)(pixels, pixels))
    return keras.Model(pixels, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))
"""


@pytest.mark.parametrize("name", [*models.names(), "own"])
def test_an_empty_batch_gets_an_empty_answer(
    name: str, transform: tft.TFTransformOutput, images: np.ndarray, tmp_path: Path
) -> None:
    """oneDNN's convolution gives an empty batch its input's channels, and what comes after it failed."""
    namespace: dict[str, Callable[[], keras.Model]] = {"build": lambda: models.build(name)}
    if name == "own":
        exec(ATTENTION, namespace)  # noqa: S102
    signatures = reloaded(namespace["build"](), transform, tmp_path).signatures
    by_example = signatures["serving_default"](examples=tf.constant([], tf.string))
    by_image = signatures["serving_images"](images=tf.constant(images[:0]))
    for answer in (by_example, by_image):
        assert {key: tuple(value.shape) for key, value in answer.items()} == {
            "logits": (0, 10), "probabilities": (0, 10), "classes": (0,), "class_names": (0,),
        }  # fmt: skip


def test_a_session_s_callable_refuses_what_the_signature_does(
    model: keras.Model, transform: tft.TFTransformOutput, tmp_path: Path
) -> None:
    export(model, transform, str(tmp_path))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path)).signature_def["serving_default"]
        call = session.make_callable(signature.outputs["classes"].name, [signature.inputs["examples"].name])
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected 784 bytes"):
            call([example(np.zeros((28, 28, 3), np.uint8))])


def test_examples_without_a_label_are_served(exported: tf.Module, images: np.ndarray) -> None:
    answer = exported.signatures["serving_default"](examples=tf.constant([example(images[0])]))
    assert answer["classes"].shape == (1,)


def test_only_the_weights_are_exported(model: keras.Model, transform: tft.TFTransformOutput, tmp_path: Path) -> None:
    export(model, transform, str(tmp_path))
    variables = tf.train.list_variables(str(tmp_path / "variables" / "variables"))
    shapes = [tuple(shape) for name, shape in variables if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    assert len(model.optimizer.variables) > len(model.trainable_weights)
    assert sorted(shapes) == sorted(tuple(weight.shape) for weight in model.weights)


def test_what_is_exported_answers_as_before_to_the_bit(
    model: keras.Model,
    transform: tft.TFTransformOutput,
    images: np.ndarray,
    answers: dict[str, dict[str, np.ndarray]],
) -> None:
    serving = ServingModel(model, transform)
    before = serving.serve_images(tf.constant(images))
    for answer in answers.values():
        for key, value in before.items():
            np.testing.assert_array_equal(answer[key], value)


def test_images_are_served_without_a_string_for_each_pixel(
    transform: tft.TFTransformOutput, images: np.ndarray, tmp_path: Path
) -> None:
    """800,000 strings for a batch took 15 times the network's millisecond."""
    signature = reloaded(models.build("dense"), transform, tmp_path).signatures["serving_images"]
    kinds = {node.op for node in signature.graph.as_graph_def().node}
    kinds |= {node.op for f in signature.graph.as_graph_def().library.function for node in f.node_def}
    assert "Cast" in kinds
    assert not kinds & {"ReduceJoin", "StringJoin", "DecodeRaw", "AsString"}
    assert signature(images=tf.constant(images))["classes"].shape == (COUNT,)


@pytest.mark.parametrize("name", models.names())
def test_tflite_converts_serving_images_without_tensorflow_s_operations(
    name: str, transform: tft.TFTransformOutput, images: np.ndarray, tmp_path: Path
) -> None:
    signature = reloaded(models.build(name), transform, tmp_path).signatures["serving_images"]
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path), signature_keys=["serving_images"])
    lite = tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner("serving_images")
    for count in (1, 50):
        expected, answer = signature(images=tf.constant(images[:count])), lite(images=images[:count])
        for key in ("logits", "probabilities"):
            np.testing.assert_allclose(answer[key], expected[key], atol=1e-5)
        for key in ("classes", "class_names"):
            np.testing.assert_array_equal(answer[key], expected[key])
    assert lite(images=images[:0])["classes"].shape == (0,)
    for shape in ((2, 14, 28), (1, 56, 56)):
        with pytest.raises(RuntimeError, match="num_input_elements != num_output_elements"):
            lite(images=np.zeros(shape, np.uint8))


def standardised(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Decodes as ours does, and needs the data's mean and variance."""
    pixels = tf.cast(tf.io.decode_raw(tf.squeeze(inputs[IMAGE_KEY], axis=1), tf.uint8), tf.float32)
    scaled = tft.scale_to_z_score(tf.reshape(pixels, (-1, 28, 28)))
    return {PIXELS_KEY: scaled, LABEL_KEY: tf.squeeze(inputs[LABEL_KEY], axis=1)}


def decoded_one_by_one(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Has no decode_raw in its outermost graph."""
    pixels = tf.map_fn(
        lambda image: tf.cast(tf.reshape(tf.io.decode_raw(image, tf.uint8), (28, 28)), tf.float32) / 128,
        tf.squeeze(inputs[IMAGE_KEY], axis=1),
        fn_output_signature=tf.float32,
    )
    return {PIXELS_KEY: pixels, LABEL_KEY: tf.squeeze(inputs[LABEL_KEY], axis=1)}


@pytest.mark.parametrize(("preprocessing_fn", "joins_strings"), [(standardised, False), (decoded_one_by_one, True)])
def test_both_signatures_apply_a_transform_of_one_s_own(
    preprocessing_fn: Callable[..., dict[str, tf.Tensor]],
    joins_strings: bool,
    model: keras.Model,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    spec = {IMAGE_KEY: tf.io.FixedLenFeature([1], tf.string), LABEL_KEY: tf.io.FixedLenFeature([1], tf.int64)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    rows = [{IMAGE_KEY: [image.tobytes()], LABEL_KEY: [0]} for image in images[:50]]
    with tft_beam.Context(temp_dir=str(tmp_path / "temp")):
        _, transform_fn = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(preprocessing_fn)
        _ = transform_fn | tft_beam.WriteTransformFn(str(tmp_path / "transform"))
    metadata_io.write_metadata(metadata, str(tmp_path / "transform" / "metadata"))
    transform = tft.TFTransformOutput(str(tmp_path / "transform"))
    raw = {IMAGE_KEY: tf.constant([row[IMAGE_KEY] for row in rows]), LABEL_KEY: tf.zeros((50, 1), tf.int64)}
    expected = model(transform.transform_raw_features(raw)[PIXELS_KEY], training=False)
    signatures = reloaded(model, transform, tmp_path / "model").signatures
    examples = tf.constant([serialize(image.tobytes(), label=0) for image in images[:50]])
    assert (b"ReduceJoin" in (tmp_path / "model" / "saved_model.pb").read_bytes()) == joins_strings
    by_image = signatures["serving_images"](images=tf.constant(images[:50]))["logits"]
    np.testing.assert_allclose(by_image, expected, atol=1e-5)
    np.testing.assert_array_equal(signatures["serving_default"](examples=examples)["logits"], by_image)
