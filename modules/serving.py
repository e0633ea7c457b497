"""The model as it is exported: the transform graph and the network behind two signatures."""

import keras
import tensorflow as tf
import tensorflow_transform as tft

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY, PIXELS_KEY


class ServingModel(tf.Module):
    """Answers for raw inputs: whatever Transform does to an example in training, the same graph does here.

    Every signature returns ``logits`` and ``probabilities``, float32 [batch, classes]; ``classes``, int64 [batch],
    the most probable class; ``class_names``, string [batch], its name.
    """

    def __init__(self, model: keras.Model, transform: tft.TFTransformOutput) -> None:
        super().__init__()
        self._model = model
        self._transform = transform.transform_features_layer()
        self._spec = {key: spec for key, spec in transform.raw_feature_spec().items() if key != LABEL_KEY}
        self._byte_of = tf.constant([bytes([value]) for value in range(256)])
        self._class_names = tf.constant(DATASET.class_names)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classifies serialized tf.Examples, string [batch]; a label in them is not needed."""
        return self._predict(tf.io.parse_example(examples, self._spec))

    @tf.function(
        input_signature=[tf.TensorSpec([None, *DATASET.image_shape], tf.uint8, name="images")], autograph=False
    )
    def serve_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classifies raw images, uint8 [batch, height, width] or [batch, height, width, 3]."""
        pixels = tf.reshape(images, [-1, DATASET.image_bytes])
        as_bytes = tf.strings.reduce_join(tf.gather(self._byte_of, tf.cast(pixels, tf.int32)), axis=1, keepdims=True)
        return self._predict({IMAGE_KEY: as_bytes})

    def _predict(self, raw_features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logits = self._model(self._transform(raw_features)[PIXELS_KEY], training=False)
        classes = tf.argmax(logits, axis=1)
        return {
            "logits": logits,
            "probabilities": tf.nn.softmax(logits),
            "classes": classes,
            "class_names": tf.gather(self._class_names, classes),
        }


def export(model: keras.Model, transform: tft.TFTransformOutput, directory: str) -> None:
    """Writes a SavedModel with the signatures ``serving_default`` (tf.Examples) and ``serving_images`` (uint8).

    Args:
        model: From ``pixels``, float32 [batch, height, width] or [batch, height, width, 3], to logits, float32
            [batch, classes].
        transform: Transform's output, whose graph becomes part of the SavedModel.
        directory: Where the SavedModel is written.
    """
    serving = ServingModel(model, transform)
    signatures = {"serving_default": serving.serve_examples, "serving_images": serving.serve_images}
    tf.saved_model.save(serving, directory, signatures=signatures)
