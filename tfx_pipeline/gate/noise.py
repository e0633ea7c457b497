"""How far the figures of a fair sample scatter by chance."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfx_pipeline.gate.profile import IMAGE_BYTES, NUM_CLASSES, SplitProfile

FEWEST_IMAGES: Final = 20
"""Images of a class below which their mean is not yet normally distributed, and so is judged with all others only."""

IMAGE_DEGREES: Final = 5
"""Degrees of freedom of a class's mean image, as Satterthwaite's approximation has them: the square of the sum of the
eigenvalues of the pixels' covariance over the sum of their squares. Fashion-MNIST's classes have 5.5 to 17."""


def image_factor(sigmas: float) -> float:
    """How much the RMS difference of two mean images may exceed its expectation by chance.

    The squared difference is about a chi-squared variable of ``IMAGE_DEGREES`` (Satterthwaite 1946, Biometrics
    Bulletin 2), whose quantiles Wilson and Hilferty (1931, PNAS 17) give.

    Args:
        sigmas: The quantile, in standard deviations of a normal variable.

    Returns:
        The factor; 2.8 for 5 sigmas.
    """
    part = 2 / (9 * IMAGE_DEGREES)
    return float(max(0.0, 1 - part + sigmas * math.sqrt(part)) ** 1.5)


def image_variance(*profiles: SplitProfile) -> NDArray[np.float64]:
    """Variance of the pixels about their class's mean image, averaged over the pixels, float64 [classes].

    A handful of images of a class tells too little of its variance: the average of all classes is the least. It is
    infinite where the classes together have no more than a handful.
    """
    squares, degrees = np.zeros(NUM_CLASSES), np.zeros(NUM_CLASSES)
    for profile in profiles:
        squares += _within(profile)
        degrees += np.maximum(profile.images[:NUM_CLASSES] - 1, 0)
    overall = squares.sum() / degrees.sum() if degrees.sum() >= FEWEST_IMAGES else np.inf
    variance: NDArray[np.float64] = np.maximum(overall, squares / np.maximum(1, degrees))
    return variance


def _within(profile: SplitProfile) -> NDArray[np.float64]:
    """Sum of squares of the pixels about their class's mean image, averaged over the pixels, float64 [classes]."""
    counts = np.maximum(profile.images[:NUM_CLASSES], 1)
    within: NDArray[np.float64] = (profile.pixel_squares - (profile.pixel_sums**2).sum(axis=1) / counts) / IMAGE_BYTES
    return np.clip(within, 0, None)  # a class of one image has none, but for rounding


def most_by_chance(part: float, count: int, sigmas: float) -> float:
    """The largest part of so many that a fair sample has by chance.

    A binomial variable's quantile, with the first correction of Cornish and Fisher (1937, Revue de l'Institut
    International de Statistique 5): small counts reach further up than the normal distribution says.

    Args:
        part: The expected part, from 0 to 1.
        count: How many there are, at least 1.
        sigmas: The quantile, in standard deviations of a normal variable.

    Returns:
        The part, at most 1.
    """
    spread = math.sqrt(count * part * (1 - part))
    skew = max(0.0, sigmas**2 - 1) * (1 - 2 * part) / 6
    return min(1.0, part + (sigmas * spread + skew) / count)
