"""Figures that follow from others."""

import math

import pytest
from scipy.stats import binomtest

from tfx_pipeline.evaluation.scores import ClassScores, Scores
from tfx_pipeline.review.content import Verdict


@pytest.mark.parametrize(("right", "examples"), [(881, 1000), (10, 10), (0, 10), (9212, 10_000), (1, 1)])
def test_the_interval_is_wilsons(right: int, examples: int) -> None:
    expected = binomtest(right, examples).proportion_ci(method="wilson")
    assert Scores({"accuracy": right / examples}, examples).interval == pytest.approx((expected.low, expected.high))


def test_an_f1_of_nothing_right_is_0_and_of_nothing_known_undefined() -> None:
    assert ClassScores("Bag", 5, precision=0.0, recall=0.0, auc=0.5, loss=1.0).f1 == 0
    assert ClassScores("Bag", 5, precision=0.5, recall=1.0, auc=0.5, loss=1.0).f1 == pytest.approx(2 / 3)
    assert math.isnan(ClassScores("Bag", 0, precision=0.5, recall=math.nan, auc=0.5, loss=1.0).f1)


def test_a_refusal_says_how_many_thresholds_were_missed() -> None:
    assert Verdict(blessed=False, reasons=("a",), baseline=None).headline.startswith("Refused: this model missed 1 thr")
    assert "missed 2 thresholds" in Verdict(blessed=False, reasons=("a", "b"), baseline=3).headline
    assert "version 3" in Verdict(blessed=True, reasons=(), baseline=3).comparison


@pytest.mark.parametrize(
    ("version", "choice", "words"),
    [
        (None, "", "There was no pushed model to compare it with."),
        (None, "none", "It was compared with no pushed model, as --baseline none asks."),
        (17, "", "It was compared with version 17, the newest pushed model."),
        (17, "17", "It was compared with version 17, as was asked for."),
    ],
)
def test_the_comparison_is_said_in_words(version: int | None, choice: str, words: str) -> None:
    assert Verdict(blessed=True, reasons=(), baseline=version, choice=choice).comparison == words
