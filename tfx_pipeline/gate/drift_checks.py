"""The checks of two splits against each other: no common images, and the same distribution."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.noise import image_factor, image_variance
from tfx_pipeline.gate.profile import MEASURES, NUM_CLASSES, SplitProfile
from tfx_pipeline.gate.split_checks import class_means


def check_pair(
    names: tuple[str, str], first: SplitProfile, second: SplitProfile, common: int, limits: Limits
) -> list[Check]:
    """Checks two splits against each other.

    Args:
        names: Of the splits.
        first: What the first holds.
        second: What the second holds.
        common: Distinct images that stand in both.
        limits: The limits in force.

    Returns:
        Every check, passed or not. Classes weigh the same whatever their share, so that a difference in shares is not
        taken for one in the images.
    """
    pair = " and ".join(names)
    checks = list(_duplicates(pair, first, second, common, limits))
    checks += _shares(pair, first, second, limits)
    present = np.flatnonzero(np.minimum(first.images, second.images)[:NUM_CLASSES])
    if len(present):
        checks += _measures(pair, first, second, present, limits)
        checks += _distributions(pair, first, second, present, limits)
        checks += _mean_images(pair, first, second, present, limits)
    return checks


def _duplicates(pair: str, first: SplitProfile, second: SplitProfile, common: int, limits: Limits) -> Iterator[Check]:
    images = int(min(first.images.sum(), second.images.sum()))
    if images:
        yield Check(
            "images that stand in both splits", pair, common / images, "fraction", high=limits.max_duplicates,
            setting="max_duplicates", note=f"{common:,} of the {images:,} of the smaller split",
        )  # fmt: skip


def _shares(pair: str, first: SplitProfile, second: SplitProfile, limits: Limits) -> Iterator[Check]:
    totals = int(first.labels.sum()), int(second.labels.sum())
    if not all(totals):
        return
    pooled = (first.labels + second.labels) / sum(totals)
    drift = np.abs(first.labels / totals[0] - second.labels / totals[1])
    noise = limits.sampling_sigmas * np.sqrt(pooled * (1 - pooled) * (1 / totals[0] + 1 / totals[1]))
    for label in range(NUM_CLASSES):
        yield Check(
            "difference of the shares", pair, float(drift[label]), "fraction",
            high=max(limits.max_share_drift, float(noise[label])), label=label, setting="max_share_drift",
        )  # fmt: skip


def _measures(
    pair: str, first: SplitProfile, second: SplitProfile, present: NDArray[np.int64], limits: Limits
) -> Iterator[Check]:
    average = class_means(first)[present].mean(axis=0)
    difference = np.abs(average - class_means(second)[present].mean(axis=0))
    variance = _variance((first, second))
    scatter = (1 / first.images[present] + 1 / second.images[present]).sum() / len(present) ** 2
    noise = limits.sampling_sigmas * np.sqrt(variance * scatter)
    for index, name in enumerate(MEASURES):
        figure, high = float(difference[index]), max(limits.max_drift * float(average[index]), float(noise[index]))
        yield Check(f"difference of the mean {name}", pair, figure, "grey", high=high, setting="max_drift")


def _distributions(
    pair: str, first: SplitProfile, second: SplitProfile, present: NDArray[np.int64], limits: Limits
) -> Iterator[Check]:
    """Two-sample Kolmogorov-Smirnov distances; their noise is bounded as by Dvoretzky, Kiefer and Wolfowitz."""
    # Massart's constant: P(distance > c * sqrt(1/n + 1/m)) <= 2 exp(-2 c**2), here as probable as the sigmas.
    tail = math.erfc(limits.sampling_sigmas / math.sqrt(2))
    c = math.sqrt(math.log(2 / tail) / 2) if tail > 0 else math.inf
    # Averaged with equal weights, the classes scatter like this many images of a single class.
    effective = [len(present) ** 2 / (1 / p.images[present]).sum() for p in (first, second)]
    noise = c * math.sqrt(sum(1 / n for n in effective))
    for index, name in enumerate(MEASURES[:2]):
        a, b = (_cumulative(p, present, index) for p in (first, second))
        yield Check(
            f"Kolmogorov-Smirnov distance of the {name}", pair, float(np.abs(a - b).max()), "ratio",
            high=min(1.0, max(limits.max_distribution_drift, noise)), setting="max_distribution_drift",
        )  # fmt: skip


def _cumulative(profile: SplitProfile, present: NDArray[np.int64], index: int) -> NDArray[np.float64]:
    of_classes = profile.histograms[present, index] / profile.images[present, None]
    cumulative: NDArray[np.float64] = of_classes.mean(axis=0).cumsum()
    return cumulative


def _mean_images(
    pair: str, first: SplitProfile, second: SplitProfile, present: NDArray[np.int64], limits: Limits
) -> Iterator[Check]:
    counts = first.images[:NUM_CLASSES], second.images[:NUM_CLASSES]
    variance, factor = image_variance(first, second), image_factor(limits.sampling_sigmas)
    for label in present.tolist():
        a, b = (p.pixel_sums[label] / p.images[label] for p in (first, second))
        noise = factor * math.sqrt(variance[label] * (1 / counts[0][label] + 1 / counts[1][label]))
        yield Check(
            "difference of the mean images", pair, float(np.sqrt(((a - b) ** 2).mean())), "grey",
            high=min(255.0, max(limits.max_mean_image_drift, noise)), label=label, setting="max_mean_image_drift",
        )  # fmt: skip


def _variance(profiles: Sequence[SplitProfile]) -> NDArray[np.float64]:
    """Variance of each measure within a class and a split, pooled, float64 [measures]."""
    within, degrees = np.zeros(len(MEASURES)), 0
    for profile in profiles:
        counts = profile.images[:NUM_CLASSES, None]
        about_mean = profile.squares[:NUM_CLASSES] - profile.sums[:NUM_CLASSES] ** 2 / np.maximum(counts, 1)
        within += np.maximum(about_mean, 0).sum(axis=0)
        degrees += int(np.maximum(counts - 1, 0).sum())
    return within / max(1, degrees)
