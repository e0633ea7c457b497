"""The model as it is exported: the transform graph and the network behind two signatures."""

from collections.abc import Callable

import keras
import tensorflow as tf
import tensorflow_transform as tft

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY, PIXELS_KEY

Function = Callable[[tf.Tensor], tf.Tensor]

IMAGES = tf.TensorSpec([None, *DATASET.image_shape], tf.uint8, name="images")

EXPECTED = f"{IMAGE_KEY}: expected {DATASET.image_bytes} bytes, uint8 {[*DATASET.image_shape]}"


class ServingModel(tf.Module):
    """Answers for raw inputs: whatever Transform does to an example in training, the same graph does here.

    There is an answer for each input, or an error: clients pair them by their order.

    Every signature returns ``logits`` and ``probabilities``, float32 [batch, classes]; ``classes``, int64 [batch],
    the most probable class; ``class_names``, string [batch], its name.
    """

    def __init__(self, model: keras.Model, transform: tft.TFTransformOutput) -> None:
        super().__init__()
        # As an attribute, the model would be exported with its optimizer.
        self._network = _answering_none(lambda pixels: model(pixels, training=False))
        self._transform = transform.transform_features_layer()
        self._transform_decoded = _after_decoding(transform) or self._from_strings
        self._spec = {key: spec for key, spec in transform.raw_feature_spec().items() if key != LABEL_KEY}
        self._class_names = tf.constant(DATASET.class_names)
        self._weights = self.serve_examples.get_concrete_function().variables

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classifies serialized tf.Examples, string [batch]; a label in them is not needed."""
        features = tf.io.parse_example(examples, self._spec)
        # The transform sees rows of bytes, and would cut one that is too long into several images.
        check = tf.debugging.assert_equal(tf.strings.length(features[IMAGE_KEY]), DATASET.image_bytes, EXPECTED)
        with tf.control_dependencies([check]):
            features[IMAGE_KEY] = tf.identity(features[IMAGE_KEY])
        return self._predict(self._transform(features)[PIXELS_KEY], tf.shape(examples)[0])

    @tf.function(input_signature=[IMAGES], autograph=False)
    def serve_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classifies raw images, uint8 [batch, height, width] or [batch, height, width, 3]."""
        flat = tf.reshape(tf.ensure_shape(images, IMAGES.shape), [-1, DATASET.image_bytes])
        return self._predict(self._transform_decoded(flat), tf.shape(images)[0])

    def _from_strings(self, decoded: tf.Tensor) -> tf.Tensor:
        byte_of = tf.constant([bytes([value]) for value in range(256)])
        images = tf.strings.reduce_join(tf.gather(byte_of, tf.cast(decoded, tf.int32)), axis=1, keepdims=True)
        return self._transform({IMAGE_KEY: images})[PIXELS_KEY]

    def _predict(self, pixels: tf.Tensor, count: tf.Tensor) -> dict[str, tf.Tensor]:
        # LiteRT drops the checks above, and refuses to reshape to another number of rows than there are inputs.
        logits = self._network(tf.reshape(pixels, [count, *DATASET.image_shape]))
        classes = tf.argmax(logits, axis=1)
        return {
            "logits": logits,
            "probabilities": tf.nn.softmax(logits),
            "classes": classes,
            "class_names": tf.gather(self._class_names, classes),
        }


def _answering_none(network: Function) -> Function:
    """A network that answers an empty batch, too.

    oneDNN's convolution gives an empty batch its input's channels, on which the layers after it fail. A network that
    has one, or that fails here, gets an image for nothing then; others are spared the copy, a tenth of `dense`'s time.
    """
    pixels = tf.TensorSpec([None, *DATASET.image_shape], tf.float32)
    traced = tf.function(network, input_signature=[pixels], autograph=False).get_concrete_function()
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]

    def padded(pixels: tf.Tensor) -> tf.Tensor:
        count = tf.shape(pixels)[0]
        nothing = tf.zeros([tf.maximum(1 - count, 0), *DATASET.image_shape])
        return network(tf.concat([pixels, nothing], axis=0))[:count]

    if any("Conv" in node.op for node in nodes):
        return padded
    try:
        traced(tf.zeros([0, *DATASET.image_shape]))
    except tf.errors.OpError:
        return padded
    return network


def _after_decoding(transform: tft.TFTransformOutput) -> Function | None:
    """What the transform graph does to an image after ``tf.io.decode_raw``; None where it needs more than its bytes."""
    graph = tf.saved_model.load(transform.transform_savedmodel_dir).transform_fn.graph
    outputs = tf.nest.pack_sequence_as(graph.structured_outputs, graph.outputs, expand_composites=True)

    def imported() -> list[tf.Tensor]:
        known = {inside.name: tf.identity(value) for value, inside in graph.captures if value.dtype != tf.resource}
        return tf.graph_util.import_graph_def(graph.as_graph_def(), known, [outputs[PIXELS_KEY].name])  # type: ignore[no-any-return]

    whole = tf.compat.v1.wrap_function(imported, [])
    operations = [operation for operation in whole.graph.get_operations() if operation.type == "DecodeRaw"]
    decoded = [operation.outputs[0] for operation in operations if operation.outputs[0].dtype == tf.uint8]
    try:
        pruned = whole.prune(decoded, whole.outputs[0])
    except Exception:  # noqa: BLE001 - the error of prune has no public name
        return None
    return lambda images: pruned(*[images] * len(decoded))


def export(model: keras.Model, transform: tft.TFTransformOutput, directory: str) -> None:
    """Writes a SavedModel with the signatures ``serving_default`` (tf.Examples) and ``serving_images`` (uint8).

    The model is from ``pixels``, float32 [batch, *image_shape], to logits, float32 [batch, classes]; the transform
    graph and the weights become part of the SavedModel, and nothing else that the model knows.
    """
    serving = ServingModel(model, transform)
    signatures = {"serving_default": serving.serve_examples, "serving_images": serving.serve_images}
    tf.saved_model.save(serving, directory, signatures=signatures)
