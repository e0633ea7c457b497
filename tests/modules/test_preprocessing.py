"""The graph that Transform made of preprocessing_fn."""

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from tests.small_run import Run
from tfx_pipeline.data import idx, sources


def test_pixels_are_divided_by_255_and_labels_stay(first_run: Run, dataset: sources.VerifiedFiles) -> None:
    transform = tft.TFTransformOutput(str(first_run.artifact("transform", "transform_graph")))
    images = idx.read_images(f"{dataset.path}/t10k-images-idx3-ubyte", 0, 5)
    raw = {
        "image": tf.constant([[image.tobytes()] for image in images]),
        "label": tf.constant([[9], [2], [1], [1], [6]], tf.int64),
    }
    transformed = transform.transform_raw_features(raw)
    assert transformed["pixels"].dtype == tf.float32
    np.testing.assert_allclose(transformed["pixels"], images / 255.0, atol=1e-7)
    assert transformed["label"].numpy().tolist() == [9, 2, 1, 1, 6]
