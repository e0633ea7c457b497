"""Real images whose pixels were rearranged: the histograms stay, and every such data set is refused in plain words."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.gate.samples import Sample, Samples, judged
from tfx_pipeline.config.limits import Limits

Rearrange = Callable[[np.ndarray], np.ndarray]

PLACES = np.random.default_rng(3).permutation(784)
MEAN_IMAGE = (
    r"distance of the mean image from the expected one of class \d \([^)]*\) in SPLIT: \d+\.?\d* "
    r"\(as when images are transposed, mirrored, rotated or moved, or labels exchanged\), expected at most \d\d\.?\d*$"
)


def permuted_alike(images: np.ndarray) -> np.ndarray:
    return images.reshape(-1, 784)[:, PLACES].reshape(images.shape)


def permuted_each_its_way(images: np.ndarray) -> np.ndarray:
    return np.random.default_rng(4).permuted(images.reshape(-1, 784), axis=1).reshape(images.shape)


def every_second(rearrange: Rearrange) -> Rearrange:
    """Rearranges half of the images."""

    def apply(images: np.ndarray) -> np.ndarray:
        changed = images.copy()
        changed[::2] = rearrange(images[::2])
        return changed

    return apply


def rolled(rows: int, columns: int) -> Rearrange:
    return lambda images: np.roll(images, (rows, columns), axis=(1, 2))


REARRANGED: dict[str, Rearrange] = {
    "transposed": lambda images: images.transpose(0, 2, 1),
    "upside down": lambda images: images[:, ::-1],
    "mirrored": lambda images: images[:, :, ::-1],
    "turned by 90 degrees": lambda images: np.rot90(images, 1, (1, 2)),
    "turned by 180 degrees": lambda images: np.rot90(images, 2, (1, 2)),
    "turned by 270 degrees": lambda images: np.rot90(images, 3, (1, 2)),
    "rolled down": rolled(3, 0),
    "rolled up": rolled(-3, 0),
    "rolled to the right": rolled(0, 2),
    "rolled to the left": rolled(0, -2),
    "rolled both ways": rolled(2, 2),
    "begun elsewhere": lambda images: np.roll(images.reshape(-1, 784), 300, axis=1).reshape(images.shape),
    "left and right halves exchanged": rolled(0, 14),
    "half mirrored": every_second(lambda images: images[:, :, ::-1]),
    "half transposed": every_second(lambda images: images.transpose(0, 2, 1)),
}


@pytest.mark.parametrize("case", REARRANGED)
def test_images_rearranged_in_both_splits_are_refused_in_each(case: str, samples: Samples) -> None:
    altered = {split: sample.with_images(REARRANGED[case](sample.images)) for split, sample in samples.items()}
    report = judged(altered)
    for split in samples:
        found = [str(check) for check in report.anomalies if check.split == split]
        assert re.search(MEAN_IMAGE.replace("SPLIT", split), found[0]), found
    assert report.anomalies[0].setting == "max_image_deviation"


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize("case", REARRANGED)
def test_one_split_with_rearranged_images_is_refused(case: str, split: str, samples: Samples) -> None:
    sample = samples[split]
    report = judged({**samples, split: sample.with_images(REARRANGED[case](sample.images))})
    assert report.anomalies[0].split == split
    assert {check.split for check in report.anomalies} == {split, "train and eval"}


@pytest.mark.parametrize("permute", [permuted_alike, permuted_each_its_way])
def test_permuted_pixels_are_refused(permute: Rearrange, samples: Samples) -> None:
    report = judged({split: sample.with_images(permute(sample.images)) for split, sample in samples.items()})
    for split in samples:
        found = {check.setting for check in report.anomalies if check.split == split}
        assert {"max_deviation", "max_image_deviation", "max_unlike"} <= found


@pytest.mark.parametrize(("rows", "columns"), [(2, 0), (-2, 0), (0, 2), (0, -2)])
def test_all_images_moved_by_two_pixels_are_refused(rows: int, columns: int, whole: Samples) -> None:
    report = judged({split: s.with_images(rolled(rows, columns)(s.images)) for split, s in whole.items()})
    assert {(check.setting, check.split) for check in report.anomalies} >= {
        ("max_image_deviation", "train"),
        ("max_image_deviation", "eval"),
    }


def test_a_tenth_of_the_images_transposed_is_refused(whole: Samples) -> None:
    train: Sample = whole["train"]
    report = judged({**whole, "train": train.with_images(train.images[::10].transpose(0, 2, 1), slice(None, None, 10))})
    assert str(report.anomalies[0]).startswith("images unlike the others of their class in train: ")


def test_nothing_is_said_of_the_images_where_it_is_not_known_what_they_look_like(samples: Samples) -> None:
    upside_down = {split: sample.with_images(sample.images[:, ::-1]) for split, sample in samples.items()}
    report = judged(upside_down, Limits(expected_image=[], likeness_margin=[]))
    assert report.anomalies == []
    assert "each class's image, likeness margin not checked: measure what to expect with" in report.headline
