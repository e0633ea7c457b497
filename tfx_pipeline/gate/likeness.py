"""Coarse images, and how like each class an image is: what tells a label that does not fit."""

import math
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from modules.dataset import DATASET
from tfx_pipeline.config.limits import CELL, COARSE_SHAPE, Limits

UNLIKE: Final = 0.01
"""The part of the images that limits were measured on which counts as unlike its class: ``likeness_margin``'s tail."""


def coarse_sums(images: NDArray[Any], dtype: DTypeLike = np.uint32) -> NDArray[Any]:
    """Adds up the pixels of each cell, channel by channel; whole numbers, and so the same on every machine.

    Args:
        images: [n, bytes], of any type.
        dtype: Of the result; np.uint32 holds cells of 4,000 x 4,000 pixels.

    Returns:
        [n, cells], row by row.
    """
    sums = images.reshape(-1, *DATASET.image_shape[:2], DATASET.channels)
    for axis, side in enumerate(CELL, 1):
        sums = _summed(sums, axis, side, dtype)
    return sums.reshape(len(images), math.prod(COARSE_SHAPE))


def _summed(values: NDArray[Any], axis: int, side: int, dtype: DTypeLike) -> NDArray[Any]:
    """Adds up each ``side`` values along an axis; the last ones may be fewer. NumPy's own sums take 5 times as long."""
    lines = np.moveaxis(values, axis, 0)
    total = lines[::side].astype(dtype)
    for start in range(1, side):
        others = lines[start::side]
        total[: len(others)] += others
    return np.moveaxis(total, 0, axis)


AREA: Final = coarse_sums(np.ones((1, DATASET.image_bytes), np.uint8)).astype(np.float64)[0]
"""Pixels of each cell, float64 [cells]."""


def coarse_means(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Averages the pixels of each cell: float64 [n, bytes] to float64 [n, cells]."""
    means: NDArray[np.float64] = coarse_sums(images, np.float64) / AREA
    return means


class Likeness(NamedTuple):
    """How like each class an image is.

    A class's pattern is its expected mean image less the average of all classes', and less its own mean: what tells it
    from the others, whatever the brightness. An image is as like a class as its projection on the class's pattern, in
    grey levels (RMS). With that, wrong labels stand out further than by the distance from the expected mean images.

    Attributes:
        weights: float64 [cells, classes], of the sums of the cells.
        offset: float64 [classes].
        margin: By how much another class may be liker before an image counts as unlike its own, float64 [classes].
        gaps: How far the expected images of two classes are from each other, float64 [classes, classes]: by how much
            each is liker its own class than the other, in sum.
        up: What tells each class's expected image from the same upside down, of the sums of the cells, float64 [cells,
            classes].
    """

    weights: NDArray[np.float64]
    offset: NDArray[np.float64]
    margin: NDArray[np.float64]
    gaps: NDArray[np.float64]
    up: NDArray[np.float64]

    @classmethod
    def of(cls, limits: Limits) -> Self | None:
        """The likeness to what the limits expect; None where they do not say what each class looks like."""
        if not limits.expected_image:
            return None
        return cls.to_images(limits.expected_image, limits.likeness_margin or [np.inf] * DATASET.num_classes)

    @classmethod
    def to_images(cls, images: ArrayLike, margin: ArrayLike) -> Self:
        """The likeness to mean images [classes, cells], with ``Limits.likeness_margin``."""
        expected = np.asarray(images, np.float64)
        average = expected.mean(axis=0)
        patterns = expected - average
        patterns -= patterns.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(patterns, axis=1, keepdims=True)
        # A class that looks like the average of all has no pattern, and nothing is like it.
        patterns = patterns / np.maximum(norms, np.finfo(float).tiny) / np.sqrt(len(average))
        leads_of_expected = leads((expected - average) @ patterns.T, np.arange(DATASET.num_classes))
        return cls(
            (patterns / AREA).T,
            patterns @ average,
            np.asarray(margin, np.float64),
            leads_of_expected + leads_of_expected.T,
            _up(expected),
        )

    def to_classes(self, coarse: NDArray[np.uint32]) -> NDArray[np.float64]:
        """How like each class images are: ``coarse_sums`` of them to float64 [n, classes], in grey levels."""
        likeness: NDArray[np.float64] = coarse @ self.weights - self.offset
        return likeness

    def upright(self, coarse: NDArray[np.uint32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much liker its class each image is than its class upside down, float64 [n] in grey levels.

        0 where an image has no class.
        """
        up = np.concatenate([self.up, np.zeros((len(self.up), 1))], axis=1)
        lead: NDArray[np.float64] = np.einsum("nc,cn->n", coarse.astype(np.float64), up[:, rows])
        return lead


def _up(expected: NDArray[np.float64]) -> NDArray[np.float64]:
    images = expected.reshape(len(expected), *COARSE_SHAPE)
    patterns = (images - images[:, ::-1]).reshape(expected.shape)
    norms = np.linalg.norm(patterns, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = patterns / np.maximum(norms, np.finfo(float).tiny) / np.sqrt(expected.shape[1])
    up: NDArray[np.float64] = (scaled / AREA).T
    return up


def leads(likeness: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """By how much each image is liker its own class than each class.

    Args:
        likeness: float64 [n, classes].
        labels: int64 [n], every one a class.

    Returns:
        float64 [n, classes], in grey levels; 0 for the own class.
    """
    own: NDArray[np.float64] = likeness[np.arange(len(labels)), labels]
    return own[:, None] - likeness
