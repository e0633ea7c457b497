"""Counts what a classifier predicts: every metric of the evaluation follows from these counts."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

BINS: Final = 4_096
"""Bins of the histogram of scores; on Fashion-MNIST the area differs from the exact one by less than 1e-4."""

MAX_LOGIT: Final = 16.0
"""Range of the histogram: float32 probabilities are 0 or 1 beyond about this logit."""

EPSILON: Final = 1e-7
"""Keras clips probabilities to this distance from 0 and 1 before it takes logarithms."""

LOSS_UNITS: Final = 2.0**40
"""Cross-entropies are added in whole units, of which a nat has so many: sums of floats depend on their order, which
differs from runner to runner. A batch of 500,000 of them fits 64 bits."""


@dataclasses.dataclass
class ClassCounts:
    """Sums over examples, of a size that does not depend on their number.

    Attributes:
        confusion: Number of examples, int64 [actual class, predicted class].
        loss_units: Sum of the cross-entropies, each rounded to ``1 / LOSS_UNITS`` nats.
        scores: Number of examples by whether they are of the class (0 or 1), class, and bin of the class's probability;
            int64 [2, classes, ``BINS``].
        not_finite: Number of examples with a probability that is not finite; none of theirs counts for more than 0.
    """

    confusion: NDArray[np.int64]
    loss_units: int
    scores: NDArray[np.int64]
    not_finite: int = 0

    @classmethod
    def empty(cls, num_classes: int) -> Self:
        """The counts of no examples."""
        return cls(np.zeros((num_classes, num_classes), np.int64), 0, np.zeros((2, num_classes, BINS), np.int64))

    @property
    def loss(self) -> float:
        """Sum of the cross-entropies, in nats; NaN where a probability is not finite."""
        return math.nan if self.not_finite else self.loss_units / LOSS_UNITS

    def add(self, labels: NDArray[Any], probabilities: NDArray[Any]) -> None:
        """Counts a batch.

        Args:
            labels: Integers [batch] from 0.
            probabilities: [batch, classes].

        Raises:
            ValueError: A label is no class.
        """
        rows, classes = np.arange(len(labels)), np.arange(probabilities.shape[1])
        unknown = labels[(labels < 0) | (labels >= len(classes))]
        if unknown.size:
            raise ValueError(f"label {unknown[0]}: expected 0 to {len(classes) - 1}")
        finite = np.isfinite(probabilities).all(axis=1)
        if not finite.all():
            self.not_finite += int((~finite).sum())
            probabilities = np.where(finite[:, np.newaxis], probabilities, 0)
        np.add.at(self.confusion, (labels, probabilities.argmax(axis=1)), 1)
        clipped = np.clip(probabilities.astype(np.float64), EPSILON, 1 - EPSILON)
        losses = np.log(clipped.sum(axis=1)) - np.log(clipped[rows, labels])
        self.loss_units += int(np.rint(losses * LOSS_UNITS).astype(np.int64).sum())
        is_class = (labels[:, np.newaxis] == classes).astype(np.intp)
        np.add.at(self.scores, (is_class, classes, score_bins(probabilities)), 1)

    def __iadd__(self, other: Self) -> Self:
        self.confusion += other.confusion
        self.loss_units += other.loss_units
        self.scores += other.scores
        self.not_finite += other.not_finite
        return self


def score_bins(probabilities: NDArray[Any]) -> NDArray[np.intp]:
    """The bin of each probability; bins are equally wide in logits, since good models' probabilities crowd at 0 and 1.

    Args:
        probabilities: From 0 to 1, of any shape.

    Returns:
        From 0 to ``BINS - 1``, of the same shape.
    """
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities.astype(np.float64)) - np.log1p(-probabilities.astype(np.float64))
    position = (np.clip(logits, -MAX_LOGIT, MAX_LOGIT) + MAX_LOGIT) / (2 * MAX_LOGIT)
    bins: NDArray[np.intp] = np.minimum((position * BINS).astype(np.intp), BINS - 1)
    return bins


def total(counts: Iterable[ClassCounts], num_classes: int) -> ClassCounts:
    """Adds up counts without changing them."""
    result = ClassCounts.empty(num_classes)
    for part in counts:
        result += part
    return result
