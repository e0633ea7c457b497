"""The checks of what each class looks like: its mean image, and whether its images are like it."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.likeness import UNLIKE, Likeness, coarse_means
from tfx_pipeline.gate.noise import FEWEST_IMAGES, image_factor, image_variance, most_by_chance
from tfx_pipeline.gate.profile import NUM_CLASSES, SplitProfile

CLEAR: Final = 3
"""Standard errors that the expected images of two classes must differ by, for their distance to mean something."""

SMALLEST_GAP: Final = 0.01
"""Grey levels below which the expected images of two classes are the same but for rounding."""

REARRANGED: Final = "as when images are transposed, mirrored, rotated or moved, or labels exchanged"
MISLABELLED: Final = "as when labels are wrong"


def check_likeness(split: str, profile: SplitProfile, limits: Limits) -> list[Check]:
    """Checks one split against what each class is expected to look like.

    Args:
        split: Its name.
        profile: What it holds.
        limits: The limits in force.

    Returns:
        Every check, passed or not; none where the limits do not say what a class looks like.
    """
    if not limits.expected_image:
        return []
    return [*_mean_images(split, profile, limits), *_unlike(split, profile, limits), *_distinct(split, profile, limits)]


def _mean_images(split: str, profile: SplitProfile, limits: Limits) -> Iterator[Check]:
    """Compares mean images, coarse ones; what is allowed and what small samples scatter by add up as squares."""
    counts = profile.images[:NUM_CLASSES]
    means = coarse_means(profile.pixel_sums / np.maximum(counts, 1)[:, None])
    distances = np.sqrt(((means - np.array(limits.expected_image)) ** 2).mean(axis=1))
    noise = image_factor(limits.sampling_sigmas) * np.sqrt(
        image_variance(profile) / np.maximum(counts, 1) + _image_errors(limits) ** 2
    )
    for label in np.flatnonzero(counts).tolist() if limits.expected_contrast else ():
        allowed = limits.max_image_deviation * limits.expected_contrast[label]
        high = min(255.0, math.hypot(allowed, noise[label]))
        figure = float(distances[label])
        yield Check(
            "distance of the mean image from the expected one", split, figure, "grey", high=high, label=label,
            setting="max_image_deviation", note=REARRANGED if figure > high else "",
        )  # fmt: skip


def _unlike(split: str, profile: SplitProfile, limits: Limits) -> Iterator[Check]:
    """Counts the images that are much liker another class; the limits' own images have ``UNLIKE`` of them."""
    total = int(profile.likened.sum())
    if not total or not limits.likeness_margin:
        return
    yield _share("images unlike the others of their class", split, int(profile.unlike.sum()), total, limits)
    for label in np.flatnonzero(profile.likened >= FEWEST_IMAGES).tolist():
        images, unlike = int(profile.likened[label]), int(profile.unlike[label])
        yield _share("images unlike the others", split, unlike, images, limits, label)


def _share(name: str, split: str, count: int, images: int, limits: Limits, label: int | None = None) -> Check:
    setting = "max_unlike" if label is None else "max_class_unlike"
    chance = most_by_chance(UNLIKE, images, limits.sampling_sigmas)
    high = min(1.0, UNLIKE + math.hypot(max(0.0, getattr(limits, setting) - UNLIKE), chance - UNLIKE))
    note = f"{count:,} of {images:,}" + (f", {MISLABELLED}" if count / images > high else "")
    return Check(name, split, count / images, "fraction", high=high, label=label, setting=setting, note=note)


def _distinct(split: str, profile: SplitProfile, limits: Limits) -> Iterator[Check]:
    """Compares how far classes are from each other with what is expected, each with the one that is most amiss."""
    likeness = Likeness.of(limits)
    if not likeness:
        return
    present = profile.likened >= FEWEST_IMAGES
    clear = np.maximum(SMALLEST_GAP, CLEAR * np.add.outer(_image_errors(limits), _image_errors(limits)))
    known = present & present[:, None] & (likeness.gaps > clear)
    gaps, errors = (values / np.where(known, likeness.gaps, 1) for values in _gaps(profile))
    lows = np.maximum(-1, 1 - np.hypot(1 - limits.min_distinctness, limits.sampling_sigmas * errors))
    for label in np.flatnonzero(known.any(axis=1)).tolist():
        other = int(np.argmin(np.where(known[label], gaps[label] - lows[label], np.inf)))
        figure, low = float(gaps[label, other]), float(lows[label, other])
        cause = ", as when labels of the two are exchanged" if figure < low else ""
        yield Check(
            "distinctness", split, figure, "fraction", low=low, label=label,
            setting="min_distinctness", note=f"from class {other} ({DATASET.class_names[other]}){cause}",
        )  # fmt: skip


def _gaps(profile: SplitProfile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each two classes are from each other, and the standard error of it, float64 [classes, classes]."""
    images = np.maximum(profile.likened, 1)[:, None]
    means = profile.leads / images
    variances = np.maximum(profile.lead_squares / images - means**2, 0) / images
    return means + means.T, np.sqrt(variances + variances.T)


def _image_errors(limits: Limits) -> NDArray[np.float64]:
    """Standard error of each class's expected image, float64 [classes]; 0 where it is not known."""
    return np.array(limits.image_error or [0.0] * NUM_CLASSES)
