"""What is measured of a model, and what it must reach to be pushed: the one place for a metric and its thresholds.

TFMA's configuration, refusals in words, report, TensorBoard, Kubeflow's page, flags and run parameters follow from it.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

from tfx_pipeline.config.limits import Fraction
from tfx_pipeline.config.section import Section, setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Counts(Protocol):
    """What a metric is computed from, of one slice: see ``tfx_pipeline.evaluation.class_counts.ClassCounts``."""

    confusion: "NDArray[np.int64]"
    scores: "NDArray[np.int64]"

    @property
    def loss(self) -> float:
        """Sum of the cross-entropies, in nats."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number that says how good a model is.

    Attributes:
        name: What TFMA calls it in its results.
        title: What people call it.
        value: Computes it in float64; NaN where it is not defined.
        higher_is_better: Whether more of it is better: its thresholds are minimums then, else maximums.
    """

    name: str
    title: str
    value: Callable[[Counts], Any]
    higher_is_better: bool = True


ACCURACY: Final = Metric(
    "sparse_categorical_accuracy", "accuracy", lambda counts: counts.confusion.trace() / counts.confusion.sum()
)
"""The fraction of the examples whose most probable class is the label."""

LOSS: Final = Metric(
    "sparse_categorical_crossentropy",
    "loss",
    lambda counts: counts.loss / counts.confusion.sum(),
    higher_is_better=False,
)
"""The mean cross-entropy, in nats."""

METRICS: Final = (ACCURACY, LOSS)
"""Every metric over all examples."""


@dataclasses.dataclass(frozen=True)
class Threshold:
    """What a value of ``EvaluationConfig`` limits.

    Attributes:
        metric: One of ``METRICS``.
        by_class: It holds for the examples of each class, not for all examples.
        change: It is how much worse than the baseline the model may be, not a bound of the metric itself.
    """

    metric: Metric
    by_class: bool = False
    change: bool = False


class EvaluationConfig(Section):
    """What a model must reach to be pushed; accuracies are fractions of examples."""

    min_accuracy: Annotated[Fraction, Threshold(ACCURACY)] = setting(
        flag=True, default=0.85, description="accuracy that a model must reach on all examples"
    )
    min_class_accuracy: Annotated[Fraction, Threshold(ACCURACY, by_class=True)] = setting(
        flag=True,
        default=0.5,
        description="accuracy that it must reach on the examples of each class",
    )
    max_accuracy_drop: Annotated[Fraction, Threshold(ACCURACY, change=True)] = setting(
        default=0.01,
        description="how far its accuracy may lie below that of the newest pushed model",
    )
    max_class_accuracy_drop: Annotated[Fraction, Threshold(ACCURACY, by_class=True, change=True)] = setting(
        default=0.1,
        description="the same for the accuracy on the examples of each class",
    )

    @classmethod
    def thresholds(cls) -> dict[str, Threshold]:
        """What each field limits."""
        fields = cls.model_fields.items()
        return {name: item for name, field in fields for item in field.metadata if isinstance(item, Threshold)}
