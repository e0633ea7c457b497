"""What the first run's model says of the images themselves, without tf.Examples, TFMA or the review's own code."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.small_run import Run
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.idx_files import SPLIT_FILES


@dataclasses.dataclass(frozen=True)
class Predicted:
    """Real test images (uint8 [n, 28, 28]) and labels (int64 [n]), and the run's model's probabilities for them."""

    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """The most probable classes, int64 [n]."""
        return self.probabilities.argmax(axis=1)

    @property
    def right(self) -> np.ndarray:
        """Whether the most probable class is the label, bool [n]."""
        return self.classes == self.labels


@pytest.fixture(scope="session")
def predicted(first_run: Run, dataset: sources.VerifiedFiles) -> Predicted:
    """The evaluated images, predicted."""
    files = SPLIT_FILES["eval"]
    images = idx.read_images(f"{dataset.path}/{files.images}", 0, 1000)
    labels = idx.read_labels(f"{dataset.path}/{files.labels}", 0, 1000).astype(np.int64)
    model = tf.saved_model.load(first_run.artifact("trainer", "model") / "Format-Serving")
    answer = model.signatures["serving_images"](images=tf.constant(images))
    return Predicted(images, labels, answer["probabilities"].numpy())
