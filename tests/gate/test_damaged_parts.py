"""A damaged part of one split is found, and a label that is written into a corner; each finding says what it is."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.gate.samples import Sample, Samples, draw, judge_profiles, judged, profile_of
from tfx_pipeline.gate.profile import SplitProfile
from tfx_pipeline.gate.report import Report

Alter = Callable[[np.ndarray], np.ndarray]
TAILS = {"max_tail_drift", "max_class_tail_drift"}


def blurred(images: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(x).filter(ImageFilter.GaussianBlur(1))) for x in images])


def half_black(rows: slice, columns: slice) -> Alter:
    def alter(images: np.ndarray) -> np.ndarray:
        changed = images.copy()
        changed[:, rows, columns] = 0
        return changed

    return alter


ALL = slice(None)
DAMAGE: dict[str, tuple[Alter, str]] = {
    "upside down": (lambda images: images[:, ::-1], "lower likeness to its class upright"),
    "blurred": (blurred, "lower brightest value"),
    "lower half black": (half_black(slice(14, None), ALL), "higher brightness of the upper half"),
    "upper half black": (half_black(slice(14), ALL), "lower brightness of the upper half"),
    "right half black": (half_black(ALL, slice(14, None)), "higher brightness of the left half"),
    "dimmed to a third": (lambda images: images // 3, "lower brightest value"),
}


@pytest.fixture(scope="module")
def profiles(whole: Samples) -> dict[str, SplitProfile]:
    """The profiles of the real splits."""
    return {split: profile_of(sample) for split, sample in whole.items()}


def found(report: Report) -> set[str]:
    """The settings of the checks that failed."""
    return {check.setting for check in report.anomalies}


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize("name", DAMAGE)
def test_a_twentieth_of_one_split_is_enough(
    name: str, split: str, whole: Samples, profiles: dict[str, SplitProfile]
) -> None:
    alter, words = DAMAGE[name]
    sample, chosen = whole[split], np.arange(0, len(whole[split]), 20)
    damaged = profile_of(sample.with_images(alter(sample.images[chosen]), chosen))
    report = judge_profiles({**profiles, split: damaged})
    assert found(report) & TAILS
    assert any(f"{split} images of {words}" in check.name for check in report.anomalies)


def test_a_blurred_part_of_one_class_is_found(whole: Samples, profiles: dict[str, SplitProfile]) -> None:
    sample = whole["eval"]
    chosen = np.flatnonzero(sample.labels == 2)[:300]
    report = judge_profiles(
        {**profiles, "eval": profile_of(sample.with_images(blurred(sample.images[chosen]), chosen))}
    )
    assert "max_class_tail_drift" in found(report)
    assert any(check.name.startswith("eval images of lower") and check.label == 2 for check in report.anomalies)


@pytest.mark.parametrize("seed", range(20))
def test_fair_samples_have_no_tails(seed: int, real: Sample) -> None:
    assert judged(draw(real, 500 + seed, 4_000, 1_000)).anomalies == []


def written(place: Callable[[Sample], tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Callable[[Sample], Sample]:
    """Writes values at a row and a column of each image."""

    def write(sample: Sample) -> Sample:
        images = sample.images.copy()
        rows, columns, values = place(sample)
        images[np.arange(len(sample)), rows, columns] = values
        return Sample(images, sample.labels)

    return write


MARKS = {
    "the label as a grey level": written(lambda s: (np.zeros(len(s), int), np.full(len(s), 27), s.labels * 25)),
    "a white pixel whose column is the label": written(lambda s: (np.full(len(s), 27), s.labels, np.full(len(s), 255))),
}


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS.keys())
def test_a_label_in_a_corner_of_both_splits_is_found(mark: Callable[[Sample], Sample], real: Sample) -> None:
    samples = {split: mark(sample) for split, sample in draw(real, 3, 4_000, 2_000).items()}
    report = judged(samples)
    assert "max_pixel_leak" in found(report)
    check = next(check for check in report.anomalies if check.setting == "max_pixel_leak")
    assert "as when the label is written into the image" in str(check)
    assert "row 0, column 27" in str(check) or "row 27, column " in str(check)


def test_no_pixel_of_real_images_tells_the_class(profiles: dict[str, SplitProfile]) -> None:
    figures = [c.figure for c in judge_profiles(profiles).checks if c.setting == "max_pixel_leak"]
    assert len(figures) == 2
    assert max(figures) < 0.7
