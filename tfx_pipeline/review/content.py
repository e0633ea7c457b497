"""The review as plain data, which every writer shows in its own way."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from tfx_pipeline.evaluation.scores import ModelScores, ThresholdResult
from tfx_pipeline.record.examples import Rows


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the model may be pushed.

    Attributes:
        blessed: It passed every threshold.
        reasons: In words, each threshold that it missed.
        baseline: Version of the pushed model that it was compared with; None where there was none.
        choice: Which baseline was asked for; "" where none in particular was.
        baseline_problem: What is wrong with the baseline's outputs; "" where nothing is.
    """

    blessed: bool
    reasons: tuple[str, ...]
    baseline: int | None
    choice: str = ""
    baseline_problem: str = ""

    @property
    def headline(self) -> str:
        """The verdict as one sentence, for a title."""
        if self.blessed:
            return "Blessed: this model passed every threshold"
        count = len(self.reasons)
        return f"Refused: this model missed {count} threshold{'' if count == 1 else 's'} and is not pushed"

    @property
    def comparison(self) -> str:
        """What the model was compared with, as one sentence."""
        if self.baseline is not None:
            choice = "as was asked for" if self.choice else "the newest pushed model"
            problem = f" Of that version, {self.baseline_problem}." if self.baseline_problem else ""
            return f"It was compared with version {self.baseline}, {choice}.{problem}"
        if self.choice:
            return "It was compared with no pushed model, as --baseline none asks."
        return "There was no pushed model to compare it with."


@dataclasses.dataclass(frozen=True)
class Curve:
    """Counts of one class against all others; every array is int64 [thresholds].

    Attributes:
        name: The class.
        thresholds: Probabilities from 0 to 1, rising, float64 [thresholds].
        true_positives: Examples of the class with at least that probability of it.
        false_positives: Examples of other classes with at least that probability of it.
        positives: Examples of the class.
        negatives: Examples of other classes.
    """

    name: str
    thresholds: NDArray[np.float64]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    positives: int
    negatives: int

    @property
    def recall(self) -> NDArray[np.float64]:
        """True-positive rate at each threshold; 0 where there is no example of the class."""
        return self.true_positives / max(self.positives, 1)

    @property
    def false_positive_rate(self) -> NDArray[np.float64]:
        """False-positive rate at each threshold; 0 where there is no example of another class."""
        return self.false_positives / max(self.negatives, 1)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Precision at each threshold; 1 where nothing is predicted, as scikit-learn has it."""
        predicted = self.true_positives + self.false_positives
        return np.where(predicted > 0, self.true_positives / np.maximum(predicted, 1), 1.0)

    @property
    def defined(self) -> bool:
        """Whether there are examples of the class and of others; otherwise there is nothing to draw."""
        return self.positives > 0 and self.negatives > 0


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single answer to ==
class Calibration:
    """How well the predicted class's probability matches how often it is right.

    Attributes:
        edges: Borders of the bins of that probability, float64 [bins + 1].
        counts: Examples in each bin, int64 [bins].
        confidence: Mean probability in each bin, float64 [bins]; NaN in an empty bin.
        accuracy: Fraction of right predictions in each bin, float64 [bins]; NaN in an empty bin.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error (Guo et al. 2017, arXiv:1706.04599): the bins' mean gap, by their share."""
        filled = self.counts > 0
        if not filled.any():
            return math.nan
        gaps = np.abs(self.confidence - self.accuracy)[filled]
        return float(np.average(gaps, weights=self.counts[filled]))


@dataclasses.dataclass(frozen=True)
class Mistake:
    """An example that the model takes for another class.

    Attributes:
        image: uint8 [height, width], in colour [height, width, 3].
        label: The true class.
        predicted: The predicted class.
        probability: The probability of the predicted class.
        label_probability: The probability of the true class.
        position: The example's place in its split, from 0.
        origin: The file that it was made of, and where that has several images, which.
    """

    image: NDArray[np.uint8]
    label: str
    predicted: str
    probability: float
    label_probability: float
    position: int
    origin: str = ""


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What TFMA does not keep, from predicting the evaluated split once more.

    Attributes:
        curves: One a class, in the order of the labels.
        calibration: Of the predicted class.
        mistakes: The worst: those with the most probability on the wrong class, worst first.
        mistake_count: Of all mistakes.
    """

    curves: tuple[Curve, ...]
    calibration: Calibration
    mistakes: tuple[Mistake, ...]
    mistake_count: int


@dataclasses.dataclass(frozen=True)
class SplitStatistics:
    """The data of one split.

    Attributes:
        name: The split.
        examples: Its examples.
        class_counts: Examples of each class, in the order of the labels.
        rows: Further figures as (what, value).
    """

    name: str
    examples: int
    class_counts: tuple[int, ...]
    rows: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Check:
    """One check of the data gate: what, in which split, expected and found values, and whether it passed."""

    subject: str
    split: str
    expected: str
    found: str
    passed: bool


@dataclasses.dataclass(frozen=True)
class Gate:
    """What the data gate checked, and its verdict in one line."""

    headline: str
    checks: tuple[Check, ...]

    @property
    def anomalies(self) -> tuple[Check, ...]:
        """The checks that failed; with a gate that only records, the run continues all the same."""
        return tuple(check for check in self.checks if not check.passed)


@dataclasses.dataclass(frozen=True)
class TrainingCurve:
    """One metric over the epochs, counted from 1, of ``train``, ``validation`` or ``held_back``."""

    metric: str
    split: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Trial:
    """A training of the search for hyperparameters.

    Attributes:
        number: Its place, from 1.
        accuracy: On the examples that were held back from it; None where it diverged.
        values: The hyperparameters that the search varied.
    """

    number: int
    accuracy: float | None
    values: dict[str, str | int | float]


@dataclasses.dataclass(frozen=True)
class Review:
    """Everything that a review shows; ``tuned`` names the hyperparameters that the best of the ``trials`` gave."""

    verdict: Verdict
    thresholds: tuple[ThresholdResult, ...]
    model: ModelScores
    baseline: ModelScores | None
    predictions: Predictions
    statistics: tuple[SplitStatistics, ...]
    gate: Gate
    training: tuple[TrainingCurve, ...]
    hyperparameters: dict[str, str | int | float]
    training_end: Rows
    data: Rows
    versions: Rows
    tuned: frozenset[str] = frozenset()
    trials: tuple[Trial, ...] = ()
