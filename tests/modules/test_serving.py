"""The exported model answers raw inputs as the model in training answers transformed ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from modules import models
from modules.dataset import DATASET
from modules.input_pipeline import input_fn as training_dataset
from modules.serving import export
from tests.small_run import Run
from tfx_pipeline.components.example_gen import serialize
from tfx_pipeline.data import idx, sources

COUNT = 500


@pytest.fixture(scope="module")
def images(dataset: sources.VerifiedFiles) -> np.ndarray:
    return idx.read_images(f"{dataset.path}/t10k-images-idx3-ubyte", 0, COUNT)


@pytest.fixture(scope="module")
def transform(first_run: Run) -> tft.TFTransformOutput:
    return tft.TFTransformOutput(str(first_run.artifact("transform", "transform_graph")))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(7)
    return models.build("cnn")


@pytest.fixture(scope="module")
def exported(
    model: keras.Model, transform: tft.TFTransformOutput, tmp_path_factory: pytest.TempPathFactory
) -> tf.Module:
    directory = str(tmp_path_factory.mktemp("exported"))
    export(model, transform, directory)
    return tf.saved_model.load(directory)


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


def test_examples_without_a_label_are_served(exported: tf.Module, images: np.ndarray) -> None:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[images[0].tobytes()]))
    example = tf.train.Example(features=tf.train.Features(feature={"image": feature}))
    answer = exported.signatures["serving_default"](examples=tf.constant([example.SerializeToString()]))
    assert answer["classes"].shape == (1,)
