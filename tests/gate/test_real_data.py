"""Real images pass, whole and by chance, few and many: the limits have a margin."""

import re

import numpy as np
import pytest

from tests.gate.samples import Sample, Samples, draw, judge_profiles, judged, moved, profile_of
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.profile import SplitProfile

DIRECTIONS = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1) if rows or columns]


@pytest.fixture(scope="module")
def whole_train(whole: Samples) -> SplitProfile:
    """The profile of the 60,000 training images."""
    return profile_of(whole["train"])


def test_the_whole_data_set_passes_with_a_wide_margin(whole_train: SplitProfile, whole: Samples) -> None:
    profiles = {"train": whole_train, "eval": profile_of(whole["eval"])}
    assert judge_profiles(profiles).anomalies == []
    tight = Limits(
        max_deviation=0.02, max_class_deviation=0.05, max_share_drift=0.001, max_drift=0.01,
        max_distribution_drift=0.02, max_mean_image_drift=4, max_image_deviation=0.03, max_unlike=0.012,
        max_class_unlike=0.018, min_distinctness=0.93, sampling_sigmas=0,
    )  # fmt: skip
    assert judge_profiles(profiles, tight).anomalies == []


@pytest.mark.parametrize("seed", range(20))
def test_random_real_images_pass(seed: int, real: Sample) -> None:
    samples = draw(real, seed, 2_000, 2_000)
    assert judged(samples).anomalies == []
    few = np.random.default_rng(seed).permutation(2_000)
    for count in (500, 200, 100):
        assert judged({**samples, "eval": samples["eval"].take(few[:count])}).anomalies == []


@pytest.mark.parametrize(("rows", "columns"), DIRECTIONS)
def test_real_images_moved_by_one_pixel_pass(rows: int, columns: int, whole: Samples) -> None:
    assert judged({split: moved(sample, rows, columns) for split, sample in whole.items()}).anomalies == []


@pytest.mark.parametrize("seed", range(20))
def test_random_real_images_moved_by_one_pixel_pass(seed: int, real: Sample) -> None:
    samples = draw(real, seed, 2_000, 1_000)
    for direction in DIRECTIONS:
        shifted = {split: moved(sample, *direction) for split, sample in samples.items()}
        assert judged(shifted).anomalies == []


def test_real_images_repeat_no_other_and_have_one_label_each(whole: Samples) -> None:
    for sample in whole.values():
        assert len({image.tobytes() for image in sample.images}) == len(sample)


@pytest.mark.parametrize("count", [100, 200, 500, 1_000, 5_000])
def test_the_first_images_of_each_split_pass_as_a_limit_takes_them(count: int, whole: Samples) -> None:
    first = {split: sample.take(np.arange(count)) for split, sample in whole.items()}
    assert judged(first).anomalies == []


@pytest.mark.parametrize("count", [1, 3, 10])
def test_a_handful_of_images_is_judged(count: int, whole: Samples) -> None:
    few = {split: sample.take(np.arange(count)) for split, sample in whole.items()}
    report = judged(few)
    assert re.search(r"the first: images of class \d \(.*\) in train: 0, expected at least 1$", report.headline)
    assert "mean image" not in " ".join(check.name for check in report.anomalies)


def test_all_training_images_with_few_for_evaluation_pass(whole_train: SplitProfile, whole: Samples) -> None:
    for seed in range(5):
        few = np.random.default_rng(seed).permutation(10_000)[:500]
        profiles = {"train": whole_train, "eval": profile_of(whole["eval"].take(few))}
        assert judge_profiles(profiles).anomalies == []


def test_limits_are_as_wide_as_the_noise_of_few_images_and_no_wider_for_many(real: Sample) -> None:
    def limits_of(name: str, count: int) -> tuple[float, float]:
        report = judged(draw(real, 1, count, count))
        check = next(c for c in report.checks if c.name == name and c.split != "eval" and c.label in (None, 3))
        return check.low or 0, check.high or 0

    assert limits_of("share", 200)[0] == 0
    assert limits_of("share", 2_000) == pytest.approx((0.05, 0.2))
    low, high = limits_of("mean intensity", 10_000)
    assert ((high - low) / (high + low)) == pytest.approx(0.1)
    few = limits_of("mean intensity", 100)
    assert (few[1] - few[0]) > 1.5 * (high - low)
    assert limits_of("Kolmogorov-Smirnov distance of the intensity", 200)[1] > 0.2
    assert limits_of("Kolmogorov-Smirnov distance of the intensity", 10_000)[1] == 0.05


def test_real_data_has_no_image_in_both_splits_and_no_blank_one(whole: Samples) -> None:
    train, evaluation = ({image.tobytes() for image in sample.images} for sample in whole.values())
    assert not train & evaluation
    for sample in whole.values():
        pixels = sample.images.reshape(len(sample), -1)
        assert (pixels.min(axis=1) < pixels.max(axis=1)).all()
