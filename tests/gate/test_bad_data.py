"""Real images altered in every way that the gate must notice; each is refused, naming what, where and how far."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.gate.samples import Example, Sample, Samples, judge_examples, judge_samples
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.report import DataGateError, Report

Alter = Callable[[Sample], Sample]
RNG = np.random.default_rng(11)


def first(report: Report) -> str:
    """The line that stops the run, checked to be one line that tells the number of anomalies."""
    with pytest.raises(DataGateError) as caught:
        report.enforce()
    line = str(caught.value)
    assert "\n" not in line
    count = len(report.anomalies)
    assert line.startswith("data gate: 1 anomaly: " if count == 1 else f"data gate: {count} anomalies, the first: ")
    return line


def class_is(label: int, part: float = 1) -> Callable[[Sample], np.ndarray]:
    """Picks the first part of the images of a class, as a mask."""

    def pick(sample: Sample) -> np.ndarray:
        mask = sample.labels == label
        return mask & (np.cumsum(mask) <= round(part * mask.sum()))

    return pick


def drop(pick: Callable[[Sample], np.ndarray]) -> Alter:
    """Leaves images out."""
    return lambda sample: sample.without(pick(sample))


def of_class(label: int, alter: Callable[[np.ndarray], np.ndarray], part: float = 1) -> Alter:
    """Alters the images of a class only."""

    def apply(sample: Sample) -> Sample:
        chosen = class_is(label, part)(sample)
        return sample.with_images(alter(sample.images[chosen]), chosen)

    return apply


def every(alter: Callable[[np.ndarray], np.ndarray], part: float = 1) -> Alter:
    """Alters the first part of the images."""

    def apply(sample: Sample) -> Sample:
        count = round(part * len(sample))
        return sample.with_images(alter(sample.images[:count]), slice(count))

    return apply


def invert(images: np.ndarray) -> np.ndarray:
    return 255 - images


def dim(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda images: (images * factor).astype(np.uint8)


def shift_and_clip(images: np.ndarray) -> np.ndarray:
    return np.minimum(images.astype(int) + 100, 255)


def shift_and_wrap(images: np.ndarray) -> np.ndarray:
    return images + np.uint8(100)


def scale_to_one(images: np.ndarray) -> np.ndarray:
    return images // 255


def noise(images: np.ndarray) -> np.ndarray:
    return RNG.integers(0, 256, images.shape)


def shuffle_pixels(images: np.ndarray) -> np.ndarray:
    """Noise with the very intensities and contrasts of the images."""
    return RNG.permuted(images.reshape(len(images), -1), axis=1).reshape(images.shape)


def flatten_contrast(images: np.ndarray) -> np.ndarray:
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + 0.6 * (images - mean)


def grey(images: np.ndarray) -> np.ndarray:
    return np.full_like(images, 77)


def upside_down(images: np.ndarray) -> np.ndarray:
    return images[:, ::-1]


def move_two_pixels(images: np.ndarray) -> np.ndarray:
    return np.roll(images, 2, axis=1)


def even_out(sample: Sample) -> Sample:
    """Makes the images of a class equally bright: the averages stay, the distribution does not."""
    intensity = sample.images.mean(axis=(1, 2))
    averages = np.array([intensity[sample.labels == label].mean() for label in range(10)])
    factors = averages[sample.labels] / intensity
    return sample.with_images(np.minimum(sample.images * factors[:, None, None], 255))


def others_thinned_out(sample: Sample) -> np.ndarray:
    return (sample.labels != 8) & (np.arange(len(sample)) % 3 > 0)


CASES: dict[str, tuple[Alter, str]] = {
    "label outside": (lambda s: s.with_labels(11, slice(3)), r"labels outside 0 to 9 in SPLIT: 3 \(from 11 to 11\)"),
    "label 255": (lambda s: s.with_labels(255, slice(1)), r"labels outside 0 to 9 in SPLIT: 1 \(from 255 to 255\)"),
    "class missing": (drop(class_is(4)), r"images of class 4 \(Coat\) in SPLIT: 0"),
    "under half a share": (drop(class_is(3, 0.62)), r"share of class 3 \(Dress\) in SPLIT: [34]\.?\d* %"),
    "over twice a share": (drop(others_thinned_out), r"share of class 8 \(Bag\) in SPLIT: 2\d\.?\d* %"),
    "blank": (every(grey, 0.015), r"blank images in SPLIT: 1\.5 % \((30|15) of [12],000\)"),
    "blank black": (every(np.zeros_like, 0.015), r"blank images in SPLIT: 1\.5 %"),
    "blank within a class": (of_class(6, grey, 0.05), r"blank images of class 6 \(Shirt\) in SPLIT: [45]\.?\d* %"),
    "inverted": (every(invert), r"mean intensity in SPLIT: 18\d"),
    "inverted in part": (every(invert, 0.2), r"mean intensity in SPLIT: 9\d"),
    "inverted class": (of_class(5, invert), r"mean intensity in SPLIT: 9\d"),
    "dimmed class": (of_class(9, dim(0.6)), r"mean intensity of class 9 \(Ankle boot\) in SPLIT: 4\d"),
    "scaled to 0..1": (every(scale_to_one), r"blank images in SPLIT: \d+\.?\d* %"),
    "dimmed": (every(dim(0.8)), r"mean intensity in SPLIT: 5\d"),
    "dimmed to half": (every(dim(0.5)), r"mean intensity in SPLIT: 3\d"),
    "shifted by 100": (every(shift_and_clip), r"mean intensity in SPLIT: 1\d\d"),
    "shifted by 100 modulo 256": (every(shift_and_wrap), r"mean intensity in SPLIT: 1\d\d"),
    "random noise": (every(noise), r"mean intensity in SPLIT: 12\d"),
    "flat contrast": (every(flatten_contrast), r"mean contrast in SPLIT: 4\d"),
    "shuffled pixels": (every(shuffle_pixels), r"mean gradient in SPLIT: \d\d"),
    "exchanged classes": (lambda s: s.with_labels((s.labels + 1) % 10), r"mean intensity of class \d .* in SPLIT: \d+"),
}


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize("case", CASES)
def test_altered_split_is_refused_naming_the_anomaly_the_split_and_the_figure(
    case: str, split: str, samples: Samples, tmp_path: Path
) -> None:
    alter, expected = CASES[case]
    line = first(judge_samples(tmp_path, {**samples, split: alter(samples[split])}))
    assert re.search(rf": {expected.replace('SPLIT', split)}[^;]*, expected [a-z ]*\d[\d.]*( %)?", line), line


def missing_image(examples: list[Example]) -> None:
    examples[5] = (None, examples[5][1])


def missing_label(examples: list[Example]) -> None:
    examples[5] = (examples[5][0], None)


def smaller_image(examples: list[Example]) -> None:
    examples[5] = (bytes(27 * 28), 1)


def larger_images(examples: list[Example]) -> None:
    examples[5] = (bytes(32 * 32), 1)
    examples[6] = (bytes(32 * 32 * 3), 1)


def empty_image(examples: list[Example]) -> None:
    examples[5] = (b"", 1)


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (missing_image, "missing images in SPLIT: 1, expected at most 0"),
        (missing_label, "missing labels in SPLIT: 1, expected at most 0"),
        (smaller_image, "another size than 784 bytes in SPLIT: 1 (756 to 756 bytes), expected at most 0"),
        (larger_images, "another size than 784 bytes in SPLIT: 2 (1024 to 3072 bytes), expected at most 0"),
        (empty_image, "another size than 784 bytes in SPLIT: 1 (0 to 0 bytes), expected at most 0"),
    ],
)
def test_broken_example_is_refused(
    spoil: Callable[[list[Example]], None], expected: str, split: str, samples: Samples, tmp_path: Path
) -> None:
    examples = {name: sample.examples() for name, sample in samples.items()}
    spoil(examples[split])
    assert expected.replace("SPLIT", split) in first(judge_examples(tmp_path, examples))


def test_examples_without_any_image_are_refused(samples: Samples, tmp_path: Path) -> None:
    examples = {name: sample.examples() for name, sample in samples.items()}
    examples["eval"] = [(None, label) for _image, label in examples["eval"]]
    assert "missing images in eval: 1,000, expected at most 0" in first(judge_examples(tmp_path, examples))


def test_empty_split_is_refused(samples: Samples, tmp_path: Path) -> None:
    examples = {"train": samples["train"].examples(), "eval": []}
    assert "examples in eval: 0, expected at least 1" in first(judge_examples(tmp_path, examples))


def test_image_that_stands_in_both_splits_is_refused(samples: Samples, tmp_path: Path) -> None:
    leaked = samples["train"].with_images(samples["eval"].images[:3], slice(3))
    leaked = leaked.with_labels(samples["eval"].labels[:3], slice(3))
    line = first(judge_samples(tmp_path, {**samples, "train": leaked}))
    assert "images that stand in both splits in train and eval: 0.3 % (3 of the 1,000 of" in line
    assert "expected at most 0 %" in line
    assert "1 anomaly" in line


def others_partly_left_out(sample: Sample) -> np.ndarray:
    return (sample.labels != 2) & (np.arange(len(sample)) % 9 < 4)


DRIFTS: dict[str, tuple[Alter, str]] = {
    "dimmed a little": (every(dim(0.92)), "difference of the mean intensity"),
    "upside down": (every(upside_down), "difference of the mean images of class"),
    "moved": (every(move_two_pixels), "difference of the mean images of class"),
    "evened out": (even_out, "Kolmogorov-Smirnov distance of the intensity"),
    "other shares": (drop(others_partly_left_out), "difference of the shares of class 2"),
}


@pytest.mark.parametrize("case", DRIFTS)
def test_splits_that_drift_from_each_other_are_refused(case: str, real: Sample, tmp_path: Path) -> None:
    alter, expected = DRIFTS[case]
    half = np.random.default_rng(3).permutation(len(real))
    samples = {"train": real.take(half[:4_000]), "eval": alter(real.take(half[4_000:8_000]))}
    report = judge_samples(tmp_path, samples, Limits(expected_image=[]))
    assert "in train and eval: " in first(report)
    assert any(expected in str(check) for check in report.anomalies)
    assert {check.split for check in report.anomalies} == {"train and eval"}


def test_exactly_one_percent_of_blank_images_passes(real: Sample, tmp_path: Path) -> None:
    chosen = np.random.default_rng(5).permutation(len(real))
    train = real.take(chosen[:4_000])
    for label in range(10):
        rows = np.flatnonzero(train.labels == label)
        train = train.with_images(np.uint8(90), rows[: len(rows) // 100])
    samples = {"train": train, "eval": real.take(chosen[4_000:5_000])}
    assert judge_samples(tmp_path, samples).anomalies == []
