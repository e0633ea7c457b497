"""The checks of one split: whole examples, balanced classes, images that look as expected."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.likeness_checks import check_likeness
from tfx_pipeline.gate.noise import FEWEST_IMAGES
from tfx_pipeline.gate.profile import IMAGE_BYTES, MEASURES, NUM_CLASSES, SplitProfile

WHOLE: Final = f"every example is one image of {IMAGE_BYTES} bytes and one label, whatever the data"
WRONG_LABELS: Final = f"labels outside 0 to {NUM_CLASSES - 1}"
EVERY_CLASS: Final = "a class without images can be neither learned nor evaluated"
SMALLEST_VARIANCE: Final = 0.01
"""Squared grey levels: what one image in a hundred changes that differs by one."""
EVERY_EXAMPLE: Final = "statistics of a sample say nothing about the rest"


def check_split(split: str, profile: SplitProfile, limits: Limits) -> list[Check]:
    """Checks one split.

    Args:
        split: Its name.
        profile: What it holds.
        limits: The limits in force.

    Returns:
        Every check, passed or not, the most telling first: a blank image is also too dark, and a label beyond the
        classes is also missing from its class.
    """
    checks = [
        *_whole(split, profile),
        *_classes(split, profile, limits),
        *_blank(split, profile, limits),
        *_repeated(split, profile, limits),
    ]
    for index, name in enumerate(MEASURES):
        checks += _measure(split, profile, limits, index, name)
    return [*checks, *check_likeness(split, profile, limits), *_leak(split, profile, limits)]


def _whole(split: str, profile: SplitProfile) -> Iterator[Check]:
    yield Check("examples", split, profile.examples, "count", low=1, reason="there is nothing to learn from")
    sizes = f"{profile.size_range[0]} to {profile.size_range[1]} bytes" if profile.wrong_sizes else ""
    labels = f"from {profile.label_range[0]} to {profile.label_range[1]}" if profile.wrong_labels else ""
    counts = (
        ("missing images", IMAGE_KEY, profile.missing_images, ""),
        ("missing labels", LABEL_KEY, profile.missing_labels, ""),
        (f"images of another size than {IMAGE_BYTES} bytes", IMAGE_KEY, profile.wrong_sizes, sizes),
        (WRONG_LABELS, LABEL_KEY, profile.wrong_labels, labels),
    )
    for name, feature, count, note in counts:
        yield Check(name, split, count, "count", high=0, reason=WHOLE, note=note, feature=feature)


def _classes(split: str, profile: SplitProfile, limits: Limits) -> Iterator[Check]:
    total = int(profile.labels.sum())
    if not total:
        return
    for label, count in enumerate(profile.labels.tolist()):
        yield Check("images", split, count, "count", low=1, label=label, reason=EVERY_CLASS)
    for label, share in enumerate(limits.expected_share):
        figure = float(profile.labels[label]) / total
        noise = limits.sampling_sigmas * math.sqrt(share * (1 - share) / total)
        low = max(0.0, min(limits.min_class_share * share, share - noise))
        high = min(1.0, max(limits.max_class_share * share, share + noise))
        setting = "min_class_share" if figure < share else "max_class_share"
        yield Check("share", split, figure, "fraction", low=low, high=high, label=label, setting=setting)


def _blank(split: str, profile: SplitProfile, limits: Limits) -> Iterator[Check]:
    labels: list[int | None] = [None, *range(NUM_CLASSES)]
    for label in labels:
        rows = slice(None) if label is None else label
        images, blank = int(profile.images[rows].sum()), int(profile.blank[rows].sum())
        if images:
            note = f"{blank:,} of {images:,}"
            yield Check(
                "blank images", split, blank / images, "fraction", high=limits.max_blank, label=label,
                setting="max_blank", note=note,
            )  # fmt: skip


def _repeated(split: str, profile: SplitProfile, limits: Limits) -> Iterator[Check]:
    images = int(profile.images.sum())
    kinds = (
        ("images under several labels", profile.contradictions, "max_contradictions"),
        ("images that repeat others", profile.repeats, "max_repeats"),
    )
    for name, count, setting in kinds if images else ():
        high = getattr(limits, setting)
        yield Check(
            name, split, count / images, "fraction", high=high, setting=setting, note=f"{count:,} of {images:,}"
        )


def _leak(split: str, profile: SplitProfile, limits: Limits) -> Iterator[Check]:
    """Looks for a value that the class alone decides: the highest correlation ratio of all (Pearson 1905)."""
    counts = profile.images[:NUM_CLASSES]
    total, present = int(counts.sum()), int((counts > 0).sum())
    if present < 2 or total < FEWEST_IMAGES * present:  # noqa: PLR2004 - classes to tell apart
        return
    of_all = profile.pixel_sums.sum(axis=0) ** 2 / total
    between = (profile.pixel_sums**2 / np.maximum(counts, 1)[:, None]).sum(axis=0) - of_all
    overall = profile.value_squares - of_all
    # A value that hardly ever differs tells nothing.
    ratio = np.where(overall > total * SMALLEST_VARIANCE, between / np.maximum(overall, 1), 0)
    place = int(ratio.argmax())
    row, column = divmod(place // DATASET.channels, DATASET.image_shape[1])
    yield Check(
        "variance of a single pixel that the class explains", split, float(ratio[place]), "fraction",
        high=limits.max_pixel_leak, setting="max_pixel_leak",
        note=f"row {row}, column {column}" + (", as when the label is written into the image"
                                               if ratio[place] > limits.max_pixel_leak else ""),
    )  # fmt: skip


def _measure(split: str, profile: SplitProfile, limits: Limits, index: int, name: str) -> Iterator[Check]:
    """Compares the mean of a measure with what is expected, over classes of equal weight and for each class."""
    expected = np.array(getattr(limits, f"expected_{name}"))
    spread = np.array(getattr(limits, f"{name}_spread"))
    counts = profile.images[:NUM_CLASSES]
    present = np.flatnonzero(counts)
    if not len(present) or not len(expected) or not len(spread):
        return
    means = class_means(profile)[:, index]
    errors = spread[present] / np.sqrt(counts[present])
    noise = limits.sampling_sigmas * float(np.sqrt((errors**2).sum())) / len(present)
    yield _around(
        name, split, float(means[present].mean()), float(expected[present].mean()), limits.max_deviation, noise,
        setting="max_deviation",
    )  # fmt: skip
    for label, error in zip(present.tolist(), errors.tolist(), strict=True):
        if counts[label] < FEWEST_IMAGES:
            continue
        yield _around(
            name, split, float(means[label]), float(expected[label]), limits.max_class_deviation,
            limits.sampling_sigmas * error, setting="max_class_deviation", label=label,
        )  # fmt: skip


def class_means(profile: SplitProfile) -> NDArray[np.float64]:
    """Mean of each measure in each class, float64 [classes, measures]; 0 for a class without images."""
    counts = np.maximum(profile.images[:NUM_CLASSES, None], 1)
    means: NDArray[np.float64] = profile.sums[:NUM_CLASSES] / counts
    return means


def _around(
    name: str, split: str, figure: float, expected: float, part: float, noise: float, *, setting: str,
    label: int | None = None,
) -> Check:  # fmt: skip
    tolerance = max(part * expected, noise)
    low, high = max(0.0, expected - tolerance), min(255.0, expected + tolerance)
    return Check(f"mean {name}", split, figure, "grey", low=low, high=high, label=label, setting=setting)
