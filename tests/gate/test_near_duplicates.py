"""Images that are nearly the same stand in two splits, or twice in one: however they were changed, they are named."""

import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.gate.samples import Sample, Samples, draw, judge_samples, moved
from tfx_pipeline.gate.near_duplicates import SAME, close_pairs, differences, signatures
from tfx_pipeline.gate.report import Report

RNG = np.random.default_rng(3)
Alter = Callable[[np.ndarray], np.ndarray]


def one_pixel(images: np.ndarray) -> np.ndarray:
    """One pixel changed by one grey level."""
    changed = images.copy()
    rows, columns = RNG.integers(0, 28, (2, len(images)))
    values = images[np.arange(len(images)), rows, columns]
    changed[np.arange(len(images)), rows, columns] = np.where(values < 255, values + 1, values - 1)
    return changed


def noise(levels: int) -> Alter:
    return lambda images: np.clip(images + RNG.integers(-levels, levels + 1, images.shape), 0, 255).astype(np.uint8)


def move(rows: int, columns: int) -> Alter:
    return lambda images: moved(Sample(images, np.zeros(len(images))), rows, columns).images


def jpeg(quality: int) -> Alter:
    def encode(image: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    return lambda images: np.stack([encode(image) for image in images])


def scaled(side: int) -> Alter:
    """Kept at another size in between, as icons are."""
    return lambda images: np.stack(
        [np.asarray(Image.fromarray(image).resize((side, side)).resize((28, 28))) for image in images]
    )


CHANGES: dict[str, Alter] = {
    "one pixel by one level": one_pixel,
    "noise of two levels": noise(2),
    "noise of eight levels": noise(8),
    "moved by a column": move(0, 1),
    "moved by two columns": move(0, -2),
    "moved by a row": move(1, 0),
    "mirrored": lambda images: images[:, :, ::-1],
    "brighter": lambda images: np.minimum(images.astype(int) + 5, 255).astype(np.uint8),
    "compressed as JPEG 90": jpeg(90),
    "compressed as JPEG 75": jpeg(75),
    "of twice the size": scaled(56),
}


def found(report: Report) -> list[str]:
    """The settings of the checks that failed."""
    return [check.setting for check in report.anomalies]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_images_of_training_that_were_changed_for_evaluation_are_found(
    change: Alter, samples: Samples, tmp_path: Path
) -> None:
    taken = samples["train"].take(np.arange(0, 500, 5))
    evaluation = samples["eval"].with_images(change(taken.images), slice(100)).with_labels(taken.labels, slice(100))
    report = judge_samples(tmp_path, {**samples, "eval": evaluation})
    assert "max_near_duplicates" in found(report)
    check = next(check for check in report.anomalies if check.setting == "max_near_duplicates")
    named = {tuple(map(int, (words[1], words[4]))) for words in map(str.split, check.images)}
    right = {(5 * number, number) for number in range(100)}
    assert len(named & right) >= 0.5 * len(right)
    assert len(named - right) <= 5
    assert "of 1,000, as train " in str(check)


def test_a_twentieth_of_the_evaluation_images_is_enough(samples: Samples, tmp_path: Path) -> None:
    for name in ("one pixel by one level", "moved by a column"):
        taken = samples["train"].take(np.arange(50))
        evaluation = samples["eval"].with_images(CHANGES[name](taken.images), slice(50))
        evaluation = evaluation.with_labels(taken.labels, slice(50))
        assert "max_near_duplicates" in found(judge_samples(tmp_path, {**samples, "eval": evaluation})), name


def test_images_that_were_augmented_before_the_split_are_found_within_it(samples: Samples, tmp_path: Path) -> None:
    train = samples["train"]
    copies = train.take(np.arange(100))
    images = np.concatenate([train.images, move(0, 1)(copies.images)])
    augmented = replace(train, images=images, labels=np.concatenate([train.labels, copies.labels]))
    report = judge_samples(tmp_path, {**samples, "train": augmented})
    assert "max_near_repeats" in found(report)
    assert "train 2" in next(c for c in report.anomalies if c.setting == "max_near_repeats").images[0]


@pytest.mark.parametrize("seed", range(3))
def test_random_real_images_are_not_taken_for_each_other(seed: int, real: Sample, tmp_path: Path) -> None:
    assert judge_samples(tmp_path, draw(real, 100 + seed, 2_000, 1_000)).anomalies == []


def test_the_whole_data_set_has_few_that_look_alike_and_none_under_two_labels(real: Sample) -> None:
    begin = time.process_time()
    pairs = close_pairs(signatures(real.images.reshape(len(real), -1)))
    alike = differences(*(real.images[numbers].reshape(-1, 784) for numbers in pairs)) < SAME
    seconds = time.process_time() - begin
    first, second = (numbers[alike] for numbers in pairs)
    assert (real.labels[first] == real.labels[second]).all()
    across = (first < 60_000) & (second >= 60_000)
    assert 20 <= len(np.unique(second[across])) <= 35
    assert len(first) < 200
    assert seconds < 6  # half a second on a quiet machine


def test_blank_images_and_a_single_image_are_compared_with_nothing() -> None:
    for count in (0, 1):
        assert len(close_pairs(signatures(np.zeros((count, 784), np.uint8))).first) == 0
