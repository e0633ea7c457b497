"""SavedModels for tests: the files of one that is never loaded, and one with this pipeline's signatures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, ImageDataset


def write_saved_model(directory: Path) -> Path:
    """Writes a graph and weights that are only bytes, and returns the directory."""
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "variables.index").write_bytes(b"weights")
    return directory


def export_classifier(
    directory: Path,
    spoil: Callable[[Any, Any], Any] = lambda logits, _pixels: logits,
    weight: float = 1.0,
    dataset: ImageDataset = DATASET,
) -> Path:
    """Exports a linear classifier with the signatures of `modules.serving`, and returns the directory.

    Args:
        directory: Where it is written.
        spoil: What becomes of the logits, float32 [batch, classes], given the images' bytes as floats [batch, bytes].
        weight: A factor of every weight.
        dataset: The data set that it is for.
    """
    import tensorflow as tf  # noqa: PLC0415 - the other helper needs none

    class Classifier(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            kernel = tf.random.stateless_normal([dataset.image_bytes, dataset.num_classes], (1, 2), stddev=1e-4)
            self.kernel = tf.Variable(kernel * weight)
            self.class_names = tf.constant(dataset.class_names)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            images = tf.io.parse_example(examples, {IMAGE_KEY: tf.io.FixedLenFeature([], tf.string)})[IMAGE_KEY]
            return self.answer(tf.io.decode_raw(images, tf.uint8))

        @tf.function(input_signature=[tf.TensorSpec([None, *dataset.image_shape], tf.uint8, name="images")])
        def serve_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.answer(images)

        def answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels = tf.cast(tf.reshape(images, [-1, dataset.image_bytes]), tf.float32)
            logits = spoil(pixels @ self.kernel, pixels)
            classes = tf.argmax(logits, axis=1)
            names = tf.gather(self.class_names, classes)
            probabilities = tf.nn.softmax(logits)
            return {"logits": logits, "probabilities": probabilities, "classes": classes, "class_names": names}

    model = Classifier()
    signatures = {"serving_default": model.serve_examples, "serving_images": model.serve_images}
    tf.saved_model.save(model, str(directory), signatures=signatures)
    return directory
