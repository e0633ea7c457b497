"""Real images under labels that do not fit, and images that are there several times: refused, naming the class."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.gate.samples import Sample, Samples, judge_samples, judged
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.report import Report

Alter = Callable[[Sample], Sample]


def drawn_at_random(part: float) -> Alter:
    """Draws some labels at random."""

    def apply(sample: Sample) -> Sample:
        rng = np.random.default_rng(len(sample))
        where = rng.permutation(len(sample))[: round(part * len(sample))]
        return sample.with_labels(rng.integers(0, 10, len(where)), where)

    return apply


def exchanged(first: int, second: int, part: float = 0.5) -> Alter:
    """Exchanges the labels of part of two classes."""

    def apply(sample: Sample) -> Sample:
        changed = sample
        for label, other in ((first, second), (second, first)):
            where = np.flatnonzero(sample.labels == label)
            changed = changed.with_labels(other, where[: round(part * len(where))])
        return changed

    return apply


def rotated(sample: Sample) -> Sample:
    return sample.with_labels((sample.labels + 1) % 10)


def both(alter: Alter, samples: Samples) -> Report:
    """Judges both splits altered."""
    return judged({split: alter(sample) for split, sample in samples.items()})


def lines(report: Report, split: str) -> list[str]:
    return [str(check) for check in report.anomalies if check.split == split]


@pytest.mark.parametrize(("part", "figure"), [(0.05, r"3\.\d+"), (0.1, r"[67]\.\d+")])
def test_labels_drawn_at_random_are_refused(part: float, figure: str, whole: Samples) -> None:
    report = both(drawn_at_random(part), whole)
    for split in whole:
        expected = (
            rf"^images unlike the others of their class in {split}: {figure} % "
            r"\([\d,]+ of [\d,]+, as when labels are wrong\), expected at most 2\.\d+ %$"
        )
        assert re.match(expected, lines(report, split)[0])


@pytest.mark.parametrize("part", [0.05, 0.1])
def test_few_images_with_labels_drawn_at_random_are_refused(part: float, samples: Samples) -> None:
    report = both(drawn_at_random(part), samples)
    assert "images unlike the others of their class in train" in lines(report, "train")[0]


EXCHANGES = [(4, 6), (2, 4), (2, 6), (0, 6), (5, 7), (7, 9), (1, 3)]


@pytest.mark.parametrize(("first", "second"), EXCHANGES)
def test_half_of_two_classes_exchanged_is_refused_naming_both(first: int, second: int, whole: Samples) -> None:
    report = both(exchanged(first, second), whole)
    for split in whole:
        found = [line for line in lines(report, split) if line.startswith("distinctness ")]
        expected = r"of class {} \(.*\) in {}: -?\d\.?\d* % \(from class {} \(.*\), as when labels of the two are exch"
        assert any(re.search(expected.format(first, split, second), line) for line in found)
        assert any(re.search(expected.format(second, split, first), line) for line in found)


@pytest.mark.parametrize("splits", [("train", "eval"), ("train",), ("eval",)])
def test_half_of_shirt_and_coat_exchanged_is_refused_among_few_images(splits: tuple[str], samples: Samples) -> None:
    altered = {split: exchanged(4, 6)(sample) if split in splits else sample for split, sample in samples.items()}
    report = judged(altered)
    for split in splits:
        assert "distinctness of class 4 (Coat)" in lines(report, split)[0]


def test_a_quarter_of_shirt_and_coat_exchanged_is_refused(whole: Samples) -> None:
    report = both(exchanged(4, 6, 0.25), whole)
    assert {check.setting for check in report.anomalies} == {"min_distinctness"}


def test_rotated_labels_are_refused(samples: Samples) -> None:
    report = both(rotated, samples)
    for split in samples:
        found = {check.setting for check in report.anomalies if check.split == split}
        assert {"max_image_deviation", "max_unlike", "max_class_unlike", "min_distinctness"} <= found


def test_a_tenth_of_one_class_under_another_label_is_refused(whole: Samples) -> None:
    train = whole["train"]
    bags = np.flatnonzero(train.labels == 8)[:600]
    report = judged({**whole, "train": train.with_labels(3, bags)})
    assert any("images unlike the others of class 3 (Dress) in train" in line for line in lines(report, "train"))


def test_a_class_that_is_missing_is_left_out_of_what_classes_look_like(samples: Samples) -> None:
    without = {split: sample.without(sample.labels == 4) for split, sample in samples.items()}
    report = judged(without)
    assert str(report.anomalies[0]) == "images of class 4 (Coat) in train: 0, expected at least 1"
    assert {check.name for check in report.anomalies} == {"images", "share"}


def repeat(where: np.ndarray, label: int | None = None) -> Alter:
    """Appends some images again, under another label if one is given."""

    def apply(sample: Sample) -> Sample:
        again = sample.take(where % len(sample))
        again = again if label is None else again.with_labels((again.labels + label) % 10)
        return Sample(*(np.concatenate([getattr(s, n) for s in (sample, again)]) for n in ("images", "labels")))

    return apply


@pytest.mark.parametrize(
    ("count", "figure"),
    [(2_000, r"50 % \(2,000 of 4,000\)"), (4_000, r"66\.67 % \(4,000 of 6,000\)"), (20, r"0\.9901 % \(20 of 2,020\)")],
)
def test_images_that_are_there_several_times_are_refused(
    count: int, figure: str, samples: Samples, tmp_path: Path
) -> None:
    (check,) = judge_samples(tmp_path, {**samples, "train": repeat(np.arange(count))(samples["train"])}).anomalies
    assert re.fullmatch(rf"images that repeat others in train: {figure}, expected at most 0\.1 %", str(check))


def test_images_that_are_there_twice_in_both_splits_are_refused(samples: Samples, tmp_path: Path) -> None:
    twice = {split: repeat(np.arange(len(sample)))(sample) for split, sample in samples.items()}
    found = [(check.name, check.split, check.figure) for check in judge_samples(tmp_path, twice).anomalies]
    assert found == [("images that repeat others", split, 0.5) for split in samples]


def test_one_image_in_a_thousand_may_be_there_twice(samples: Samples, tmp_path: Path) -> None:
    assert judge_samples(tmp_path, {**samples, "train": repeat(np.arange(2))(samples["train"])}).anomalies == []


@pytest.mark.parametrize("count", [1, 100, 1_000])
def test_images_that_stand_under_two_labels_are_refused(count: int, samples: Samples, tmp_path: Path) -> None:
    report = judge_samples(tmp_path, {**samples, "train": repeat(np.arange(count), label=3)(samples["train"])})
    total = 2_000 + count
    line = str(report.anomalies[0])
    assert line.startswith("images under several labels in train: ")
    assert line.endswith(f" % ({count:,} of {total:,}), expected at most 0 %")


def test_both_limits_can_be_set(samples: Samples, tmp_path: Path) -> None:
    altered = {**samples, "train": repeat(np.arange(40), label=3)(samples["train"])}
    report = judge_samples(tmp_path, altered, Limits(max_contradictions=0.02, max_repeats=0.02))
    assert not {check.setting for check in report.anomalies} & {"max_contradictions", "max_repeats"}
