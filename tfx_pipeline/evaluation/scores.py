"""A model's figures and the outcome of its thresholds, as plain data."""

import dataclasses
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Z_95: Final = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """A model's metrics over all examples; accuracy as a fraction, loss as the mean cross-entropy in nats."""

    accuracy: float
    loss: float
    examples: int

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's 95 % confidence interval.

        It is Wilson's score interval (Wilson 1927, J. Am. Stat. Assoc. 22), which stays within 0 and 1 and is sound
        for few examples and for accuracies near 1.
        """
        if not self.examples:
            return 0.0, 1.0
        n, p, z2 = self.examples, self.accuracy, Z_95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """A model's metrics for one class; NaN where a metric is not defined, such as the recall of an absent class.

    Attributes:
        name: The class.
        examples: Examples of the class.
        precision: Fraction of the examples predicted as the class that are of it.
        recall: Fraction of the examples of the class predicted as it; also called the accuracy on the class.
        auc: Area under the ROC curve, the class against all others.
        loss: Mean cross-entropy over the examples of the class, in nats.
    """

    name: str
    examples: int
    precision: float
    recall: float
    auc: float
    loss: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; NaN where one of them is, 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else total


@dataclasses.dataclass(frozen=True)
class ThresholdResult:
    """One threshold.

    Attributes:
        subject: "all examples" or a class.
        measure: What was measured.
        value: What it came to; NaN where it could not be measured.
        limit: What it must reach.
        passed: Whether it did.
    """

    subject: str
    measure: str
    value: float
    limit: float
    passed: bool


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single answer to ==
class ModelScores:
    """What TFMA measured of one model.

    Attributes:
        overall: Over all examples.
        classes: For each class, in the order of the labels.
        confusion: Number of examples, int64 [actual class, predicted class].
    """

    overall: Scores
    classes: tuple[ClassScores, ...]
    confusion: NDArray[np.int64]
