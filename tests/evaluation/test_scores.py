"""What a missed threshold says."""

import math
import re

import pytest

from tfx_pipeline.evaluation.scores import ThresholdResult
from tfx_pipeline.review import markdown


def missed(
    value: float, limit: float, *, minimum: bool = True, change: bool = False, class_name: str | None = None
) -> ThresholdResult:
    """A threshold of the accuracy, or of the loss where it is a maximum, that was missed."""
    return ThresholdResult(
        metric="accuracy" if minimum else "loss",
        class_name=class_name,
        examples=10_000,
        change=change,
        minimum=minimum,
        value=value,
        limit=limit,
        passed=False,
    )


def test_a_refusal_names_metric_class_value_and_limit() -> None:
    assert missed(0.84, 0.85).refusal == "accuracy is 0.8400, at least 0.8500 is required"
    assert missed(0.5, 1, class_name="Bag").refusal == "accuracy on Bag is 0.5000, at least 1.0000 is required"
    assert missed(-0.02, -0.01, change=True).refusal == (
        "accuracy is 0.0200 below the baseline's, at most 0.0100 is allowed"
    )
    assert missed(0.45, 0.4, minimum=False).refusal == "loss is 0.4500, at most 0.4000 is allowed"
    assert missed(0.2, 0.1, minimum=False, change=True, class_name="Bag").refusal == (
        "loss on Bag is 0.2000 above the baseline's, at most 0.1000 is allowed"
    )


def test_a_metric_that_is_not_defined_has_no_digits() -> None:
    assert missed(math.nan, 0.5).refusal == "accuracy is not defined"


@pytest.mark.parametrize("gap", [1e-3, 1e-4, 1e-5, 1e-7, 1e-9, 1e-11])
@pytest.mark.parametrize(("minimum", "change"), [(True, False), (True, True), (False, False), (False, True)])
def test_value_and_limit_are_told_apart_wherever_they_are_shown(gap: float, minimum: bool, change: bool) -> None:
    limit = -0.01 if minimum and change else 0.8875
    found = missed(limit - gap if minimum else limit + gap, limit, minimum=minimum, change=change)
    value, required = re.findall(r"\d\.\d+", found.refusal)
    assert value != required
    assert (float(value) < float(required)) is (minimum and not change)
    shown = (markdown.measured(found).lstrip("+"), markdown.limit(found).strip("≥≤ "))
    assert abs(float(shown[0])) == float(value)
    assert abs(float(shown[1])) == float(required)


def test_four_digits_are_enough_where_they_tell_value_and_limit_apart() -> None:
    assert missed(0.88744, 0.8875).refusal == "accuracy is 0.8874, at least 0.8875 is required"
    assert missed(0.88746, 0.8875).refusal == "accuracy is 0.88746, at least 0.88750 is required"
