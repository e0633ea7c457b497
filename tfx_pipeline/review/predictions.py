"""Predicts the evaluated split again for what TFMA does not keep: curves, calibration, worst mistakes.

Every figure is accumulated batch by batch, so the memory does not grow with the data.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY
from tfx_pipeline.review.content import Calibration, Curve, Mistake, Predictions

BATCH_SIZE: Final = 1_000
"""Examples predicted at once."""

UNIFORM_THRESHOLDS: Final = np.linspace(0.0, 1.0, 201)
"""What TensorBoard's pr_curve plugin takes the thresholds to be."""

_LOG_ODDS = np.linspace(-16.0, 16.0, 129)
THRESHOLDS: Final = np.unique(np.concatenate([UNIFORM_THRESHOLDS, 1 / (1 + np.exp(-_LOG_ODDS))]).astype(np.float32))
"""Where curves are counted: evenly in probability and, as good models' lie near 0 and 1, in log-odds."""

CALIBRATION_BINS: Final = 15
"""As in Guo et al. 2017 (arXiv:1706.04599)."""

WORST_MISTAKES: Final = 24


class Batch(NamedTuple):
    """Predicted examples.

    Attributes:
        images: uint8 [batch, height, width], in colour [batch, height, width, 3].
        labels: int64 [batch].
        probabilities: float32 [batch, classes]; 0 for examples whose probabilities are not finite.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def predict(model_dir: str, files: Sequence[str]) -> Iterator[Batch]:
    """Predicts the examples of a split with the exported model, as serving does.

    Args:
        model_dir: A SavedModel with the signature ``serving_default`` on serialized tf.Examples.
        files: Gzipped TFRecord files of tf.Examples.

    Yields:
        Batches of at most ``BATCH_SIZE`` examples, in the order of the files.
    """
    model = tf.saved_model.load(model_dir)  # kept by this name: a signature alone does not keep its model alive
    signature = model.signatures["serving_default"]
    (argument,) = signature.structured_input_signature[1]
    spec = {IMAGE_KEY: tf.io.FixedLenFeature([], tf.string), LABEL_KEY: tf.io.FixedLenFeature([], tf.int64)}
    for serialized in tf.data.TFRecordDataset(list(files), compression_type="GZIP").batch(BATCH_SIZE).prefetch(1):
        features = tf.io.parse_example(serialized, spec)
        pixels = tf.reshape(tf.io.decode_raw(features[IMAGE_KEY], tf.uint8), (-1, *DATASET.image_shape))
        probabilities = signature(**{argument: serialized})["probabilities"].numpy()
        finite = np.isfinite(probabilities).all(axis=1, keepdims=True)
        yield Batch(pixels.numpy(), features[LABEL_KEY].numpy(), np.where(finite, probabilities, np.float32(0)))


def summarize(batches: Iterator[Batch]) -> Predictions:
    """Accumulates curves, calibration and the worst mistakes.

    Args:
        batches: All examples of the split.

    Returns:
        The figures.
    """
    curves, calibration, mistakes = _CurveCounts(), _CalibrationSums(), _WorstMistakes()
    for batch in batches:
        for part in (curves, calibration, mistakes):
            part.add(batch)
    return Predictions(curves.result(), calibration.result(), mistakes.result(), mistakes.count)


class _CurveCounts:
    """Histograms of each class's probability, apart for the examples of the class and of the others."""

    def __init__(self) -> None:
        self._counts = np.zeros((DATASET.num_classes, 2, len(THRESHOLDS)), np.int64)

    def add(self, batch: Batch) -> None:
        # The last threshold that a probability reaches; the first threshold is 0, which all reach.
        reached = np.searchsorted(THRESHOLDS, batch.probabilities, side="right") - 1
        for class_id in range(DATASET.num_classes):
            is_class = batch.labels == class_id
            for row, chosen in enumerate((~is_class, is_class)):
                self._counts[class_id, row] += np.bincount(reached[chosen, class_id], minlength=len(THRESHOLDS))

    def result(self) -> tuple[Curve, ...]:
        at_least = self._counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
        return tuple(
            Curve(
                name=name,
                thresholds=THRESHOLDS.astype(np.float64),
                true_positives=positive,
                false_positives=negative,
                positives=int(positive[0]),
                negatives=int(negative[0]),
            )
            for name, (negative, positive) in zip(DATASET.class_names, at_least, strict=True)
        )


class _CalibrationSums:
    """Sums by bin of the predicted class's probability."""

    def __init__(self) -> None:
        self._edges = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)
        self._counts, self._confidence, self._right = np.zeros((3, CALIBRATION_BINS))

    def add(self, batch: Batch) -> None:
        confidence = batch.probabilities.max(axis=1).astype(np.float64)
        right = batch.probabilities.argmax(axis=1) == batch.labels
        bins = np.clip(np.searchsorted(self._edges, confidence, side="left") - 1, 0, CALIBRATION_BINS - 1)
        self._counts += np.bincount(bins, minlength=CALIBRATION_BINS)
        self._confidence += np.bincount(bins, weights=confidence, minlength=CALIBRATION_BINS)
        self._right += np.bincount(bins, weights=right, minlength=CALIBRATION_BINS)

    def result(self) -> Calibration:
        with np.errstate(invalid="ignore"):
            confidence, accuracy = self._confidence / self._counts, self._right / self._counts
        return Calibration(self._edges, self._counts.astype(np.int64), confidence, accuracy)


class _WorstMistakes:
    """The mistakes with the most probability on the wrong class, and how many there are in all."""

    def __init__(self) -> None:
        self.count = 0
        self._seen = 0
        self._worst: list[tuple[float, int, Mistake]] = []

    def add(self, batch: Batch) -> None:
        predicted = batch.probabilities.argmax(axis=1)
        wrong = np.flatnonzero(predicted != batch.labels)
        self.count += len(wrong)
        confidence = batch.probabilities[wrong, predicted[wrong]]
        worst = wrong[np.argsort(-confidence, kind="stable")[:WORST_MISTAKES]]
        found = (self._mistake(batch, int(index), int(predicted[index])) for index in worst)
        ranked = ((mistake.probability, -mistake.position, mistake) for mistake in found)
        self._worst = heapq.nlargest(WORST_MISTAKES, itertools.chain(self._worst, ranked), key=lambda item: item[:2])
        self._seen += len(batch.labels)

    def _mistake(self, batch: Batch, index: int, predicted: int) -> Mistake:
        label = int(batch.labels[index])
        return Mistake(
            image=batch.images[index].copy(),  # a view would keep the whole batch
            label=DATASET.class_names[label],
            predicted=DATASET.class_names[predicted],
            probability=float(batch.probabilities[index, predicted]),
            label_probability=float(batch.probabilities[index, label]),
            position=self._seen + index,
        )

    def result(self) -> tuple[Mistake, ...]:
        return tuple(mistake for _, _, mistake in self._worst)
