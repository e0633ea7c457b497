"""A model's figures and the results of its thresholds, as plain data."""

import dataclasses
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfx_pipeline.config.evaluation import ACCURACY, LOSS

Z_95: Final = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""

DIGITS: Final = 4
"""Decimals of a metric that is shown to people."""


NOT_FINITE: Final = "images with outputs that are not finite"
"""The title of a count that is not shown where it is 0."""


def wilson(fraction: float, examples: int) -> tuple[float, float]:
    """The 95 % confidence interval of a fraction of examples; from 0 to 1 where there are none.

    It is Wilson's score interval (Wilson 1927, J. Am. Stat. Assoc. 22), which stays within 0 and 1 and is sound for few
    examples and for fractions near 1.
    """
    if not examples:
        return 0.0, 1.0
    n, p, z2 = examples, fraction, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclasses.dataclass(frozen=True)
class Scores:
    """A model's metrics over all examples.

    Attributes:
        metrics: Every metric of the configuration by its title; accuracy as a fraction, loss in nats.
        examples: Examples evaluated.
        not_finite: Those of them for which the model's outputs are not finite.
    """

    metrics: dict[str, float]
    examples: int
    not_finite: int = 0

    @property
    def accuracy(self) -> float:
        """The fraction of the examples whose most probable class is the label."""
        return self.metrics[ACCURACY.title]

    @property
    def loss(self) -> float:
        """The mean cross-entropy, in nats."""
        return self.metrics[LOSS.title]

    @property
    def further(self) -> dict[str, float]:
        """The metrics other than accuracy and loss."""
        return {title: value for title, value in self.metrics.items() if title not in (ACCURACY.title, LOSS.title)}

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's 95 % confidence interval."""
        return wilson(self.accuracy, self.examples)


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
    def interval(self) -> tuple[float, float] | None:
        """The recall's 95 % confidence interval; None without examples."""
        return wilson(self.recall, self.examples) if self.examples and math.isfinite(self.recall) else None

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; NaN where one of them is, 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else total


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdResult:
    """One threshold and its result.

    Attributes:
        metric: The metric's title.
        class_name: The class whose examples it holds for; None for all examples.
        examples: How many examples there were.
        change: It limits the change from the baseline: value and limit are differences.
        minimum: The value must be at least the limit, else at most.
        value: What was measured; NaN where it could not be.
        limit: What it must reach.
        passed: Whether it did.
    """

    metric: str
    class_name: str | None
    examples: int
    change: bool
    minimum: bool
    value: float
    limit: float
    passed: bool

    @property
    def subject(self) -> str:
        """What it holds for, in words."""
        return self.class_name or "all examples"

    @property
    def measure(self) -> str:
        """What was measured, in words."""
        return f"change of {self.metric} from the baseline" if self.change else self.metric

    @property
    def digits(self) -> int:
        """Decimals to show: enough to tell a value from the limit that it misses."""
        if self.metric == NOT_FINITE:
            return 0
        enough = (n for n in range(DIGITS, 17) if self.passed or f"{self.value:.{n}f}" != f"{self.limit:.{n}f}")
        return next(enough, 17)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The value's 95 % confidence interval, where it is a fraction of the examples."""
        measured = self.metric == ACCURACY.title and not self.change and self.examples and math.isfinite(self.value)
        return wilson(self.value, self.examples) if measured else None

    @property
    def refusal(self) -> str:
        """Why the model is refused when this threshold is missed, as one line."""
        if not self.examples:
            return f"{self.subject}: no examples to evaluate"
        if self.metric == NOT_FINITE:
            return not_finite(round(self.value), self.examples)
        subject = f"{self.metric} on {self.class_name}" if self.class_name else self.metric
        if math.isnan(self.value):
            return f"{f'change of {subject} from the baseline' if self.change else subject} is not defined"
        fall = self.change and self.minimum  # told without the sign
        value, limit = (f"{-figure if fall else figure:.{self.digits}f}" for figure in (self.value, self.limit))
        if self.change:
            value = f"{value} {'below' if fall else 'above'} the baseline's"
        required = self.minimum and not self.change
        return f"{subject} is {value}, {f'at least {limit} is required' if required else f'at most {limit} is allowed'}"


def not_finite(count: int, examples: int) -> str:
    """Says for how many images a model's outputs are not finite."""
    return f"outputs for {count:,} of {examples:,} images are not finite numbers (NaN or infinity)"


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

    @property
    def worst_class(self) -> ClassScores | None:
        """The class with the lowest recall, the first of several; None where no class has examples."""
        known = [scores for scores in self.classes if math.isfinite(scores.recall)]
        return min(known, key=lambda scores: scores.recall, default=None)
